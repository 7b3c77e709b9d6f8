from django.db import migrations, models
from django.db.models import Q

_STATUSES = ["busy", "online", "away", "offline"]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_blocks_patients_and_presence")]

    operations = [
        migrations.AddField(
            model_name="loginsession",
            name="presence",
            field=models.CharField(choices=[(one, one) for one in _STATUSES], default="online", max_length=8),
        ),
        migrations.AddConstraint(
            model_name="loginsession",
            constraint=models.CheckConstraint(
                condition=Q(("presence__in", _STATUSES)), name="session_presence_is_known"
            ),
        ),
    ]
