"""The log is only appended to: the database refuses everything else, whoever asks.

A later migration that makes SQLite rebuild one of these tables (Django does so for most changes of a column) drops the
triggers with the old table: it has to run these statements again.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

POSTGRESQL = [
    """
    CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log is only appended to' USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        for table in ("audit_entry", "audit_seal", "audit_detail")
    ),
]

# REPLACE deletes the row it collides with, without asking a DELETE trigger. It collides by any unique column and by the
# hidden rowid too.
COLLIDES = {
    "audit_entry": "id = NEW.id OR rowid = NEW.rowid",
    "audit_seal": "n = NEW.n OR entry = NEW.entry",
    "audit_detail": "entry = NEW.entry OR rowid = NEW.rowid",
}
ROW = "SELECT 1 FROM"
REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END"
SQLITE = [
    statement
    for table, collides in COLLIDES.items()
    for statement in (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {REFUSE}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {REFUSE}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS ({ROW} {table} WHERE {collides}) {REFUSE}",
    )
]

STATEMENTS = {"postgresql": POSTGRESQL, "sqlite": SQLITE}


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(guard, elidable=False)]
