"""What the first page of the admin knows, asked at most every few seconds in each process. A moderator's queue is
theirs alone, and asked each time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.db.models import Count, Min, Sum

from attachments.scanning.standing import standing
from audit.admin_base import in_time, took_too_long
from config.backups import last_backup
from config.dashboard.remembering import Remembered
from config.health import cache_state
from core.models import Task, TaskState
from core.time import now
from encryption import shredding
from messaging.models import Message
from messaging.querysets import open_reports_for
from realtime import draining
from realtime.leases import leases
from realtime.presence import KIND as PRESENCE
from retention import nights
from retention.models import Run, RunCount

FRESH_FOR = 10.0
HOURS = 24
HEARTBEAT = "audit.seal"
"""The periodic job that comes most often: a worker that lives has just run it."""

PATIENCE = timedelta(seconds=30)

LONGEST = "2s"
"""For each question: the page is to come also while the database has much to do."""

_HOUR = timedelta(hours=1)


class Hour(NamedTuple):
    """How many messages were sent from `begin` on."""

    begin: datetime
    messages: int


class LastRun(NamedTuple):
    at: datetime
    state: str
    rows: int
    files: int


class Backup(NamedTuple):
    """When the last one was made; None when there was none, or when it takes too long to find out (`is_known`)."""

    at: datetime | None
    is_known: bool = True


class Work(NamedTuple):
    """`heard_at`: when a worker was last heard of; None when there never was one. `is_alive`: whether one is there."""

    is_alive: bool
    heard_at: datetime | None
    failed: int
    due: int
    due_since: datetime | None


class Serving(NamedTuple):
    """This process. `cache` is how Redis is; None where there is none."""

    is_draining: bool
    is_starting: bool
    cache: str | None
    scanner: str


class Queue(NamedTuple):
    """Reports that are open; `oldest` is None when there are none."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True)
class Figures:
    at: datetime
    online: int
    hours: Sequence[Hour]
    run_is_due: bool
    next_run: datetime
    last_run: LastRun | None
    backup: Backup
    work: Work
    serving: Serving


class Hourly:
    """Messages per hour. Ids begin with the moment they were made at (RFC 9562), so each hour is a range of the primary
    key; hours that are over are counted once."""

    def __init__(self) -> None:
        self._counted: dict[datetime, int] = {}

    def last(self, moment: datetime) -> list[Hour]:
        """The last HOURS, the one that goes on included."""
        this = moment.replace(minute=0, second=0, microsecond=0)
        begins = [this - ago * _HOUR for ago in range(HOURS - 1, -1, -1)]
        hours = [Hour(begin, self._messages(begin)) for begin in begins]
        # What was begun a moment before the hour ended may be committed a moment after.
        settled = [hour for hour in hours if hour.begin + _HOUR < moment - PATIENCE]
        self._counted = {hour.begin: hour.messages for hour in settled}
        return hours

    def _messages(self, begin: datetime) -> int:
        if begin in self._counted:
            return self._counted[begin]
        return Message.objects.filter(pk__gte=_first_id(begin), pk__lt=_first_id(begin + _HOUR)).count()

    def forget(self) -> None:
        self._counted = {}


def _first_id(moment: datetime) -> UUID:
    """Below every id of version 7 that is made from then on, above all before."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _work(moment: datetime) -> Work:
    beat = Task.objects.filter(name=HEARTBEAT, periodic=True).values_list("state", "run_at").first()
    due = Task.objects.filter(state__in=[TaskState.WAITING, TaskState.RUNNING], run_at__lte=moment)
    return Work(
        # Waiting, it is due in a second; running, its lease has not ended.
        is_alive=beat is not None and beat[1] > moment - PATIENCE,
        heard_at=None if beat is None else min(beat[1], moment),
        failed=Task.objects.filter(state=TaskState.FAILED).count(),
        due=due.count(),
        due_since=due.aggregate(oldest=Min("run_at"))["oldest"],
    )


def _backup() -> Backup:
    """The log has no index of what was done: with none among millions of entries all of them would be read."""
    try:
        with in_time(LONGEST):
            return Backup(last_backup())
    except OperationalError as error:
        if not took_too_long(error):
            raise
        return Backup(None, is_known=False)


def _last_run() -> LastRun | None:
    run = Run.objects.filter(rule="").order_by("-started_at").first()
    if run is None:
        return None
    gone = RunCount.objects.filter(run=run).aggregate(rows=Sum("rows"), files=Sum("files"))
    return LastRun(run.finished_at or run.started_at, run.state, gone["rows"] or 0, gone["files"] or 0)


def _ask() -> Figures:
    moment = now()
    backup = backups.get()
    cache = cache_state() if settings.REDIS_URL else None
    serving = Serving(draining.is_on(), shredding.is_behind(), cache, standing().value)
    with in_time(LONGEST):
        return Figures(
            at=moment,
            online=len(leases.keys(PRESENCE)),
            hours=hourly.last(moment),
            run_is_due=nights.is_due(),
            next_run=nights.last_night() + timedelta(days=1),
            last_run=_last_run(),
            backup=backup,
            work=_work(moment),
            serving=serving,
        )


def queue_of(user_id: UUID) -> Queue:
    """What waits for this moderator. Asked anew each time: in nobody's count is a report about themselves."""
    with in_time(LONGEST):
        return Queue(**open_reports_for(user_id).aggregate(waiting=Count("pk"), oldest=Min("created_at")))


hourly = Hourly()
backups = Remembered(_backup, 6 * FRESH_FOR)
figures = Remembered(_ask, FRESH_FOR)


def forget() -> None:
    """For tests: the next look asks anew."""
    hourly.forget()
    backups.forget()
    figures.forget()
