from django.db import migrations, models

import core.time


class Migration(migrations.Migration):
    dependencies = [("encryption", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Canary",
            fields=[
                ("key_id", models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ("fingerprint", models.BinaryField(max_length=8)),
                ("sealed", models.BinaryField(max_length=60)),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={"db_table": "vault_canary", "verbose_name_plural": "canaries"},
        ),
        migrations.AddIndex(
            model_name="datakey",
            index=models.Index(
                condition=models.Q(("blob__isnull", False)), fields=["kek_id", "id"], name="vault_data_key_wrapped_by"
            ),
        ),
    ]
