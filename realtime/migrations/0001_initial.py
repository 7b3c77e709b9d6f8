import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import core.ids
import realtime.models


def leave_room_in_pages(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A head row changes with every event of its conversation; with room in its page the new version stays beside the
    old one and no index has to be touched."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE realtime_stream SET (fillfactor = 50)")


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Stream",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("head_seq", models.BigIntegerField(default=0, editable=False)),
                ("head_at", models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField(editable=False)),
                ("kind", models.CharField(editable=False, max_length=40)),
                ("actor_id", models.UUIDField(editable=False)),
                ("message_id", models.UUIDField(editable=False, null=True)),
                ("body", models.BinaryField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=realtime.models.DatabaseClock(), db_index=True, editable=False),
                ),
                (
                    "stream",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="realtime.stream",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("stream", "seq"), name="realtime_event_stream_seq"),
                    models.CheckConstraint(
                        condition=models.Q(("message_id__isnull", True), ("body__isnull", True), _connector="XOR"),
                        name="realtime_event_message_or_body",
                    ),
                ],
            },
        ),
        migrations.RunPython(leave_room_in_pages, migrations.RunPython.noop),
    ]
