from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_totp")]

    operations = [
        migrations.AddField("user", "erased_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("user", "records_erased", models.BooleanField(default=False, editable=False)),
        migrations.AlterField(
            "loginsession",
            "reason",
            models.CharField(
                blank=True,
                choices=[
                    ("logout", "signed out"),
                    ("logout_all", "signed out everywhere"),
                    ("revoked", "ended from another device"),
                    ("password", "the password was changed"),
                    ("reused", "a refresh token came twice"),
                    ("disabled", "the account was disabled"),
                    ("authority", "the person's role or rights were changed"),
                    ("restored", "a backup was restored"),
                    ("second_factor", "an authenticator app was set up"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [
                    ("suspend_user", "Can suspend and reinstate people who were reported"),
                    ("erase_user", "Can erase people for good"),
                ],
                "verbose_name_plural": "people",
            },
        ),
    ]
