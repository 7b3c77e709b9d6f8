"""An event may lose its body when its time is over; its number stays."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("realtime", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("event", "realtime_event_message_or_body"),
        migrations.AddConstraint(
            "event",
            models.CheckConstraint(
                condition=Q(message_id__isnull=True) | Q(body__isnull=True), name="realtime_event_message_or_body"
            ),
        ),
        migrations.AddIndex(
            "event",
            models.Index(fields=["created_at", "id"], condition=Q(body__isnull=False), name="events_with_a_body"),
        ),
    ]
