"""The triggers that refuse changes of the log (the first migrations make them): are they there?"""

from django.db import connection

TABLES = ("audit_entry", "audit_seal", "audit_detail")


def missing() -> list[str]:
    """Names of the triggers that are gone or switched off."""
    with connection.cursor() as cursor:
        cursor.execute(_PRESENT[connection.vendor])
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in expected() if name not in present]


def expected() -> list[str]:
    """Names of the triggers that this database should have."""
    return _EXPECTED[connection.vendor]


_COUNTER = ["audit_burst_no_count_down", "audit_burst_no_delete"]
_EXPECTED = {
    "postgresql": [
        *(f"{table}_append_only" for table in TABLES),
        "audit_detail_no_delete",
        *_COUNTER,
        "audit_burst_no_truncate",
    ],
    "sqlite": [f"{table}_{what}" for table in TABLES for what in ("no_update", "no_delete", "no_replace")] + _COUNTER,
}
_PRESENT = {
    # `replica` and `disabled` triggers do not fire in an ordinary session.
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
}
