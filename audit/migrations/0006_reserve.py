"""Room for the log on a full disk: what `audit.reserve` fills and gives back, and the row that says that it did.

UNLOGGED and nearly empty pages: filling it costs neither write-ahead log nor many rows. SQLite has a file instead.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE = "CREATE UNLOGGED TABLE audit_reserve (nothing integer NOT NULL) WITH (fillfactor = 10)"


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TABLE, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_details_on_request")]

    operations = [
        migrations.CreateModel(
            name="Shortage",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
                ("tried_at", models.DateTimeField()),
            ],
            options={"db_table": "audit_shortage"},
        ),
        migrations.RunPython(make, elidable=False),
    ]
