from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_presence_of_a_session")]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "permissions": [("suspend_user", "Can suspend and reinstate people who were reported")],
                "verbose_name_plural": "people",
            },
        ),
    ]
