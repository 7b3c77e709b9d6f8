import uuid

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import core.ids
import core.time


def make_installation(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("encryption", "Installation").objects.using(schema_editor.connection.alias).create()


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("org", models.UUIDField(default=core.ids.uuid7, editable=False)),
                ("epoch", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
            ],
            options={
                "db_table": "parley_installation",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="parley_installation_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("conversation", models.UUIDField(editable=False)),
                ("epoch", models.PositiveIntegerField(editable=False)),
                ("period", models.CharField(editable=False, max_length=10)),
                ("kek_id", models.CharField(editable=False, max_length=64)),
                ("blob", models.BinaryField(max_length=61, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "seals new values in its period"),
                            ("retired", "opens, and seals edits of what it sealed"),
                            ("shredded", "destroyed"),
                        ],
                        default="active",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
            ],
            options={
                "db_table": "vault_data_key",
                "constraints": [
                    models.UniqueConstraint(fields=("conversation", "epoch"), name="vault_data_key_epoch"),
                    models.CheckConstraint(condition=models.Q(("epoch__gte", 1)), name="vault_data_key_epoch_from_1"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("blob__isnull", True), ("state", "shredded")),
                            models.Q(("blob__isnull", False), ("state__in", ["active", "retired"])),
                            _connector="OR",
                        ),
                        name="vault_data_key_shredded_or_there",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrganisationKey",
            fields=[
                (
                    "purpose",
                    models.CharField(
                        choices=[("ak", "details of audit entries"), ("sk", "model fields and keyed hashes")],
                        editable=False,
                        max_length=2,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("kek_id", models.CharField(editable=False, max_length=64)),
                ("blob", models.BinaryField(max_length=61)),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
            ],
            options={"db_table": "vault_organisation_key"},
        ),
        migrations.RunPython(make_installation, migrations.RunPython.noop, elidable=False),
    ]
