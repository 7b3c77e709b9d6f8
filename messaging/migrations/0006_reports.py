"""What moderators do with reports, and the groups of staff with their permissions.

A report knows by itself whose message it is about and where that was written: it may outlive the message.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import OuterRef, Q, Subquery

import core.ids
import core.time
from messaging.rights import make_groups

_OUTCOMES = ["dismissed", "warned", "hidden", "muted", "banned", "suspended"]
_DEEDS = [
    ("opened", "opened the evidence"),
    ("noted", "wrote a note"),
    ("dismissed", "dismissed the report"),
    ("warned", "warned the person"),
    ("hidden", "hid the message"),
    ("muted", "muted the person in the conversation"),
    ("unmuted", "let the person speak there again"),
    ("banned", "banned the person from the conversation"),
    ("unbanned", "lifted the ban"),
    ("suspended", "suspended the account"),
    ("reinstated", "reinstated the account"),
]


def _person(related_name: str = "+", *, null: bool = False) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        django.db.models.deletion.PROTECT,
        related_name=related_name,
        null=null,
        db_index=False,
    )


def _conversation(*, null: bool = False) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        "messaging.conversation",
        django.db.models.deletion.PROTECT,
        related_name="reports",
        null=null,
        db_index=False,
    )


def _row_id() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)


def _of_a_report(name: str) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey("messaging.report", django.db.models.deletion.CASCADE, related_name=name)


def say_whose(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Of the reports there are: what their messages say."""
    alias = schema_editor.connection.alias
    message = apps.get_model("messaging", "Message").objects.using(alias).filter(pk=OuterRef("message_id"))
    apps.get_model("messaging", "Report").objects.using(alias).update(
        author_id=Subquery(message.values("sender_id")),
        conversation_id=Subquery(message.values("conversation_id")),
    )


def give_rights(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    make_groups(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0005_message_has_files"),
        ("accounts", "0007_suspend_user"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            "report",
            {
                "default_permissions": ("view",),
                "permissions": [
                    ("open_evidence", "Can open the evidence of a report"),
                    ("note_report", "Can write notes about a report"),
                    ("dismiss_report", "Can dismiss a report"),
                    ("hide_message", "Can hide a reported message"),
                    ("warn_member", "Can warn somebody who was reported"),
                    ("mute_member", "Can mute somebody who was reported in that conversation"),
                    ("ban_member", "Can ban somebody who was reported from that conversation"),
                ],
            },
        ),
        migrations.AddField("report", "author", _person("reports", null=True)),
        migrations.AddField("report", "conversation", _conversation(null=True)),
        migrations.RunPython(say_whose, migrations.RunPython.noop, elidable=True),
        migrations.AlterField("report", "author", _person("reports")),
        migrations.AlterField("report", "conversation", _conversation()),
        migrations.AlterField(
            "report",
            "created_at",
            models.DateTimeField("reported", default=core.time.now, editable=False),
        ),
        migrations.AddField(
            "report",
            "state",
            models.CharField(choices=[("open", "Open"), ("settled", "Settled")], default="open", max_length=7),
        ),
        migrations.AddField(
            "report",
            "outcome",
            models.CharField(
                blank=True, choices=[(one, one.capitalize()) for one in _OUTCOMES], default="", max_length=9
            ),
        ),
        migrations.AddField("report", "settled_by", _person(null=True)),
        migrations.AddField("report", "settled_at", models.DateTimeField(null=True)),
        migrations.AddField("report", "version", models.PositiveIntegerField(default=0)),
        migrations.AddIndex("report", models.Index(fields=["state", "created_at"], name="reports_in_turn")),
        migrations.AddIndex("report", models.Index(fields=["author"], name="reports_about_somebody")),
        migrations.AddIndex("report", models.Index(fields=["conversation"], name="reports_of_a_conversation")),
        migrations.AddConstraint(
            "report",
            models.CheckConstraint(
                condition=Q(state="open", outcome="", settled_by=None, settled_at=None)
                | Q(state="settled", outcome__in=_OUTCOMES, settled_by__isnull=False, settled_at__isnull=False),
                name="settled_report_was_settled_by_somebody",
            ),
        ),
        migrations.CreateModel(
            "ReportAction",
            [
                ("id", _row_id()),
                ("deed", models.CharField(choices=_DEEDS, max_length=10)),
                ("at", models.DateTimeField(default=core.time.now, editable=False)),
                ("sign_outs", models.PositiveIntegerField(null=True)),
                ("actor", _person()),
                ("report", _of_a_report("actions")),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(deed__in=[deed for deed, _ in _DEEDS]), name="report_deed_is_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            "ReportNote",
            [
                ("id", _row_id()),
                ("body", models.BinaryField()),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
                ("author", _person()),
                ("report", _of_a_report("notes")),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
