from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0004_moves_of_before")]

    operations = [
        migrations.AddField("message", "has_files", models.BooleanField(db_default=False)),
    ]
