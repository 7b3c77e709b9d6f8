"""When the nightly run is due: RETENTION_AT by the clock of TIME_ZONE, once, or later when nobody worked then."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from core.models import Task
from core.time import now
from retention.models import Run

NIGHTLY = "retention.nightly"


def last_night() -> datetime:
    """The latest RETENTION_AT that has passed."""
    zone = ZoneInfo(settings.TIME_ZONE)
    today = now().astimezone(zone).date()
    begin = datetime.combine(today, settings.RETENTION_AT, zone)
    return begin if begin <= now() else datetime.combine(today - timedelta(days=1), settings.RETENTION_AT, zone)


def is_due() -> bool:
    """Whether nobody has begun a whole run since. An installation that has never had one waits for its first night
    under a worker: whoever has just upgraded has time to place holds and policies."""
    newest = Run.objects.filter(rule="").order_by("-started_at").values_list("started_at", flat=True).first()
    since = newest or Task.objects.filter(name=NIGHTLY, periodic=True).values_list("created_at", flat=True).first()
    return since is not None and since < last_night()
