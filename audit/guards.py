"""The triggers that refuse every change of the log (the migration `append_only` makes them): are they there?"""

from django.db import connection

TABLES = ("audit_entry", "audit_seal", "audit_detail")


def missing() -> list[str]:
    """Names of the triggers that are gone or switched off."""
    expected = [f"{table}_{suffix}" for table in TABLES for suffix in _SUFFIXES[connection.vendor]]
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT[connection.vendor])
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in expected if name not in present]


_SUFFIXES = {"postgresql": ["append_only"], "sqlite": ["no_update", "no_delete", "no_replace"]}
_PRESENT = {
    # `replica` and `disabled` triggers do not fire in an ordinary session.
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}
