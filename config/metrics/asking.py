"""The questions behind `statistics`: each a query or two, in one transaction. Labels are what the code declares."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, Min

from attachments.models import Attachment, Status
from audit.models import Entry, Seal, Shortage
from core.jobs import jobs
from core.measuring import OTHER
from core.models import Task, TaskState
from core.time import now
from messaging.models import Conversation, Membership, Report
from messaging.models.conversation import Kind
from messaging.models.report import State
from realtime.leases import leases
from realtime.presence import KIND as PRESENCE
from retention.models import Run, RunState

MOST_ONLINE = 20_000
"""With more people at once the figure by kind is left out: the query would take too long."""


def conversations() -> Mapping[str, float]:
    alive = Conversation.objects.filter(deleted_at=None)
    return _by_kind(dict(alive.values_list("kind").annotate(n=Count("pk")).order_by()))


def members_online() -> Mapping[str, float] | None:
    online = leases.keys(PRESENCE)
    if len(online) > MOST_ONLINE:
        return None
    stays = Membership.objects.filter(user__in=online, left_seq=None, conversation__deleted_at=None)
    return _by_kind(dict(stays.values_list("conversation__kind").annotate(n=Count("user", distinct=True)).order_by()))


def _by_kind(found: Mapping[str, int]) -> Mapping[str, float]:
    return {kind.value: float(found.get(kind.value, 0)) for kind in Kind}


def tasks() -> Mapping[str, float]:
    open_ones = Task.objects.exclude(state=TaskState.DONE)
    found = dict(open_ones.values_list("state").annotate(n=Count("pk")).order_by())
    return {state.value: float(found.get(state.value, 0)) for state in TaskState if state != TaskState.DONE}


def due_tasks() -> Mapping[str, float]:
    due: Counter[str] = Counter(dict.fromkeys(jobs, 0))
    for name, number, _ in _due():
        due[name if name in jobs else OTHER] += number
    return {name: float(number) for name, number in due.items()}


def lags() -> Mapping[str, float]:
    lag = dict.fromkeys(jobs, 0.0)
    for name, _, oldest in _due():
        job = name if name in jobs else OTHER
        lag[job] = max(lag.get(job, 0.0), _age(oldest))
    return lag


def _due() -> list[tuple[str, int, datetime]]:
    """Of each name: how many wait although their time has come, or run longer than they may; the oldest of them."""
    due = Task.objects.filter(state__in=[TaskState.WAITING, TaskState.RUNNING], run_at__lte=now())
    return list(due.values_list("name").annotate(n=Count("pk"), oldest=Min("run_at")).order_by())


def unsealed_age() -> float:
    """Entries are sealed in the order of their ids."""
    last = Seal.objects.order_by("-n").values_list("entry", flat=True).first()
    tail = Entry.objects.all() if last is None else Entry.objects.filter(id__gt=last)
    oldest = tail.order_by("id").values_list("ts", flat=True).first()
    return 0.0 if oldest is None else _age(oldest)


def files_waiting() -> float:
    return float(Attachment.objects.filter(status=Status.SCANNING, gone_at=None).count())


def retention_age() -> float | None:
    """None before the first time."""
    ended = (
        Run.objects.filter(state=RunState.DONE, rule="").order_by("-finished_at").values_list("finished_at", flat=True)
    )
    last = ended.first()
    return None if last is None else _age(last)


def storage_full() -> float:
    """0 while there is room."""
    since = Shortage.objects.values_list("since", flat=True).first()
    return 0.0 if since is None else _age(since)


def open_reports() -> float:
    return float(Report.objects.filter(state=State.OPEN).count())


def _age(moment: datetime) -> float:
    return max(0.0, (now() - moment).total_seconds())
