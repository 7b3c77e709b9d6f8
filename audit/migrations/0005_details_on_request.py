"""Details may go before six years when an entry says so: `detail.erased`, whose object is the entry they belong to.

That is how somebody is erased from the log. Whoever has taken over the server can erase details early with it, and each
of them leaves an entry that nobody can take back: no details go without a trace. An index finds that entry; another one
the last backup.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Q

WORDS = "the audit log is only appended to: details stay for six years"
SAID = "SELECT 1 FROM audit_entry e WHERE e.object = OLD.entry AND e.action = 'detail.erased'"

POSTGRESQL = [
    f"""
    CREATE OR REPLACE FUNCTION audit_refuse_early() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT 1 FROM audit_entry e WHERE e.id = OLD.entry AND e.ts < clock_timestamp() - interval '6 years'
        ) AND NOT EXISTS ({SAID}) THEN
            RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN OLD;
    END $$
    """,  # noqa: S608 - words of this file
]

# Times are stored as text, `2026-01-02 03:04:05.678901`: what is smaller as text is earlier.
SQLITE = [
    "DROP TRIGGER audit_detail_no_delete",
    f"""
    CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail WHEN NOT EXISTS (
        SELECT 1 FROM audit_entry e WHERE e.id = OLD.entry AND e.ts < datetime('now', '-6 years')
    ) AND NOT EXISTS ({SAID}) BEGIN SELECT RAISE(ABORT, '{WORDS}'); END
    """,  # noqa: S608 - words of this file
]

STATEMENTS = {"postgresql": POSTGRESQL, "sqlite": SQLITE}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_details_are_erased")]

    operations = [
        migrations.AddIndex(
            "entry",
            models.Index(fields=["object"], condition=Q(action="detail.erased"), name="audit_entry_erased_details"),
        ),
        migrations.AddIndex(
            "entry", models.Index(fields=["id"], condition=Q(action="backup.made"), name="audit_entry_backups")
        ),
        migrations.RunPython(guard, elidable=False),
    ]
