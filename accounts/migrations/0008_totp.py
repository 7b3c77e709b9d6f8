import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import core.ids
import core.time
import encryption.fields


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_suspend_user")]

    operations = [
        migrations.CreateModel(
            name="TotpDevice",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("confirmed", models.BooleanField(default=False)),
                ("secret", encryption.fields.EncryptedTextField(max_length=32)),
                ("last_step", models.BigIntegerField(default=-1)),
                ("begun_in", models.BinaryField(default=b"", max_length=32)),
                ("created_at", models.DateTimeField(default=core.time.now, editable=False)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="totp_device",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "authenticator app"},
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("hash", models.BinaryField(max_length=32, unique=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery_codes",
                        to="accounts.totpdevice",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
    ]
