"""When the nightly run is due: RETENTION_AT by the clock of TIME_ZONE, once, or later when nobody worked then."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from core.models import Task
from retention.clock import now
from retention.models import Run

NIGHTLY = "retention.nightly"

_APART = timedelta(minutes=5)
"""How far the clocks of two machines may be apart, for the one to know that the other has been there tonight."""


def last_night() -> datetime:
    """The latest RETENTION_AT that has passed."""
    zone, moment = ZoneInfo(settings.TIME_ZONE), now()
    today = moment.astimezone(zone).date()
    begin = datetime.combine(today, settings.RETENTION_AT, zone)
    return begin if begin <= moment else datetime.combine(today - timedelta(days=1), settings.RETENTION_AT, zone)


def is_due() -> bool:
    """Whether nobody has begun a whole run since. One that has yet to come, by a clock that was wrong, keeps no night
    from its run. An installation that has never had one waits for its first night under a worker: whoever has just
    upgraded has time to place holds and policies."""
    since = (last_night(), now() + _APART)
    runs = Run.objects.filter(rule="")
    if runs.filter(started_at__range=since).exists():
        return False
    looked = Task.objects.filter(name=NIGHTLY, periodic=True).exclude(created_at__range=since)
    return runs.exists() or looked.exists()
