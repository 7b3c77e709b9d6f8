"""The ledger of destroyed keys, and up to which entry of it the data know."""

from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [("encryption", "0002_canary")]

    operations = [
        migrations.AddField("installation", "shreds_applied", models.PositiveIntegerField(default=0, editable=False)),
        migrations.CreateModel(
            "Shred",
            [
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("position", models.PositiveIntegerField(editable=False, unique=True)),
                ("conversation", models.UUIDField(editable=False)),
                ("epoch", models.PositiveIntegerField(editable=False, null=True)),
                ("reason", models.CharField(editable=False, max_length=16)),
                ("at", models.DateTimeField(editable=False)),
                ("kek_id", models.CharField(editable=False, max_length=64)),
                ("mac", models.BinaryField(max_length=32)),
            ],
            options={
                "db_table": "vault_shred",
                "indexes": [models.Index(fields=["conversation"], name="vault_shred_conversation")],
            },
        ),
    ]
