"""Details of entries go after six years; the database lets nobody take them away sooner.

How old they are is told by their entry, which nobody can change, and by the database's own clock: a server whose clock
is wrong, or that somebody has taken over, erases nothing early.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

WORDS = "the audit log is only appended to: details stay for six years"

POSTGRESQL = [
    "DROP TRIGGER audit_detail_append_only ON audit_detail",
    """
    CREATE TRIGGER audit_detail_append_only BEFORE UPDATE OR TRUNCATE ON audit_detail
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
    """,
    f"""
    CREATE FUNCTION audit_refuse_early() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM audit_entry e WHERE e.id = OLD.entry AND e.ts < clock_timestamp() - interval '6 years'
        ) THEN
            RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN OLD;
    END $$
    """,  # noqa: S608 - words of this file
    """
    CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_early()
    """,
]

# Times are stored as text, `2026-01-02 03:04:05.678901`: what is smaller as text is earlier.
SQLITE = [
    "DROP TRIGGER audit_detail_no_delete",
    f"""
    CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail WHEN NOT EXISTS (
        SELECT 1 FROM audit_entry e WHERE e.id = OLD.entry AND e.ts < datetime('now', '-6 years')
    ) BEGIN SELECT RAISE(ABORT, '{WORDS}'); END
    """,  # noqa: S608 - words of this file
]

STATEMENTS = {"postgresql": POSTGRESQL, "sqlite": SQLITE}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_bursts_count_up")]

    operations = [migrations.RunPython(guard, elidable=False)]
