"""Messages can be removed: nothing that refers to one keeps it, and what is left is its place.

The constraints of `reply_to`, `thread_root` and of reports go: each would have the database walk through the whole
table for every message that is removed.
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Q

import core.ids
from messaging.rights import make_groups


def _loose(**more: Any) -> models.ForeignKey:  # type: ignore[type-arg]  # no model is known here
    return models.ForeignKey(
        "messaging.message",
        django.db.models.deletion.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        **{"related_name": "+", **more},
    )


def give_rights(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    make_groups(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0006_reports"), ("realtime", "0002_removal"), ("encryption", "0003_shreds")]

    operations = [
        migrations.CreateModel(
            "RemovedMessage",
            [
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("batch", models.UUIDField(editable=False)),
                ("conversation_id", models.UUIDField(editable=False)),
                ("seq", models.PositiveBigIntegerField(editable=False)),
                ("sender_id", models.UUIDField(editable=False)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AlterModelOptions(
            "conversation",
            {
                "permissions": [
                    ("moderate_conversation", "Can moderate conversations they are no member of"),
                    ("shred_conversation", "Can destroy a conversation and its keys"),
                ]
            },
        ),
        migrations.AddField("conversation", "shredded_at", models.DateTimeField(null=True)),
        migrations.AddField("conversation", "has_leftovers", models.BooleanField(db_default=False)),
        migrations.AlterField("message", "reply_to", _loose(null=True)),
        migrations.AlterField("message", "thread_root", _loose(null=True)),
        migrations.AlterField("report", "message", _loose(related_name="reports")),
        migrations.AddIndex(
            "conversation",
            models.Index(fields=["stream"], condition=Q(has_leftovers=True), name="conversations_with_leftovers"),
        ),
        migrations.AddIndex(
            "conversation",
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="deleted_conversations"),
        ),
        migrations.AddConstraint(
            "conversation",
            models.CheckConstraint(
                condition=Q(shredded_at=None) | Q(deleted_at__isnull=False, details=None),
                name="shredded_conversation_is_deleted",
            ),
        ),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
