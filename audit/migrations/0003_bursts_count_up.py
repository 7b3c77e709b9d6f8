"""The counter of refusals only counts up, and goes only when the log tells of it: the database refuses everything else.

An entry tells of a counter when it names the counter's id. Both ids begin with the time, so entries before the counter
need not be looked through. A row that whoever took over the server inserts into the log to get around this has no mac.

SQLite's REPLACE gets past the triggers, and a third one would refuse the counting itself, which is an upsert. There
these triggers keep slips of the code out; whoever can write the file can take them away as well.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import core.ids

# `audit.refusals.INDIVIDUAL` at the time of this migration: up to here each refusal has its own entry.
MOST_TOLD = 50

COUNTS_DOWN = """
    NEW.count < OLD.count OR NEW.id <> OLD.id OR NEW.actor <> OLD.actor OR NEW.minute <> OLD.minute
    OR NEW.actor_role <> OLD.actor_role
"""
UNTOLD = f"""
    OLD.count > {MOST_TOLD} AND NOT EXISTS (
        SELECT 1 FROM audit_entry e WHERE e.id > OLD.id AND e.object = OLD.id AND e.reason = 'many_refusals'
    )
"""  # noqa: S608 - a number of this file
WORDS = "refusals are counted until the log tells of them"

POSTGRESQL = [
    *(
        f"""
        CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {condition} THEN
                RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN {row};
        END $$
        """
        for name, condition, row in (
            ("audit_refuse_count_down", COUNTS_DOWN, "NEW"),
            ("audit_refuse_uncounted", UNTOLD, "OLD"),
        )
    ),
    *(
        f"CREATE TRIGGER audit_burst_{trigger} BEFORE {event} ON audit_burst FOR EACH {each} EXECUTE FUNCTION {name}()"
        for trigger, event, each, name in (
            ("no_count_down", "UPDATE", "ROW", "audit_refuse_count_down"),
            ("no_delete", "DELETE", "ROW", "audit_refuse_uncounted"),
            ("no_truncate", "TRUNCATE", "STATEMENT", "audit_refuse_change"),
        )
    ),
]
REFUSE = f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
SQLITE = [
    f"CREATE TRIGGER audit_burst_no_count_down BEFORE UPDATE ON audit_burst WHEN {COUNTS_DOWN} {REFUSE}",
    f"CREATE TRIGGER audit_burst_no_delete BEFORE DELETE ON audit_burst WHEN {UNTOLD} {REFUSE}",
]

STATEMENTS = {"postgresql": POSTGRESQL, "sqlite": SQLITE}


def give_ids(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    bursts = apps.get_model("audit", "Burst").objects.using(schema_editor.connection.alias)
    for burst in bursts.all():
        bursts.filter(actor=burst.actor, minute=burst.minute).update(id=core.ids.uuid7())


def guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in STATEMENTS[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.AddField("burst", "id", models.UUIDField(null=True)),
        migrations.RunPython(give_ids, elidable=True),
        migrations.AlterField("burst", "id", models.UUIDField(default=core.ids.uuid7, unique=True)),
        migrations.RunPython(guard, elidable=False),
    ]
