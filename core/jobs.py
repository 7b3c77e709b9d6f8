"""Background work: a table and a loop.

    Job("audit.seal", run=seal_pending, every=timedelta(seconds=1), lease=timedelta(seconds=15))   in an app's jobs.py
    Job("messaging.index", run=index_message)

    enqueue("messaging.index", message_id=message.id)                                              in a service

A task is a row, written in the transaction of whoever wants the work done: it runs after COMMIT or not at all. A
worker claims it with a lease. When the worker dies, another one takes the task over once the lease has ended: work is
done at least once, so every `run` must bear a repeat. What fails is tried again, later each time, and given up with a
reason. Reasons and log lines hold the class of an error and never its text, which may quote what people wrote.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import Error, connection, transaction
from django.db.models import Q, QuerySet
from structlog.contextvars import bound_contextvars

from core import measuring
from core.ids import parse_uuid
from core.models import Task, TaskState
from core.retention import RetentionRule, Schedule, Scope, counting, forgetting, keep_up
from core.time import now

log = logging.getLogger(__name__)

jobs: dict[str, "Job"] = {}

POLL = 0.5
"""Seconds between two looks for work while there is none."""

_SLOWEST_RETRY = timedelta(minutes=10)
_SLOWEST_PERIODIC_RETRY = timedelta(minutes=1)
_SLOWEST_RECONNECT = 15.0
_KEEP_DONE = timedelta(days=1)
_KEEP_FAILED = timedelta(days=30)
_WORKER_LOST = "WorkerLost"

_runs = measuring.counter("job_runs", "Runs of background jobs, by how they ended.", "job", "outcome")
_seconds = measuring.histogram("job_seconds", "How long they took.", "job", buckets=measuring.LONG)
_working = measuring.counter("worker_looks", "How often a worker looked for work: it lives as long as this grows.")


@dataclass(frozen=True)
class Job:
    """A kind of background work. Constructing it declares it; a name can be declared once.

    - `run`: what to do. Called as `run(**ids)` with what `enqueue` was given, or `run()` when periodic, in a thread
      that may use the database and outside any transaction. It can be called again for the same task.
    - `every`: the pause after each run of a periodic job; None for work that is enqueued.
    - `attempts`: how often an enqueued task is tried before it is given up. Periodic work is never given up.
    - `lease`: how long a run may take. After that another worker may start the same task beside it.
    """

    name: str
    run: Callable[..., object]
    every: timedelta | None = None
    attempts: int = 10
    lease: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if self.name in jobs:
            raise TypeError(f"the job {self.name} is declared twice")
        jobs[self.name] = self
        _runs.inc(self.name, "given_up", by=0)  # An alert on its increase would not see the first one.

    def retry_after(self, attempts: int) -> timedelta:
        """The pause after the `attempts`-th failure in a row: 1, 2, 4 … seconds, up to a bound."""
        slowest = _SLOWEST_RETRY if self.every is None else max(self.every, _SLOWEST_PERIODIC_RETRY)
        return min(timedelta(seconds=2 ** min(attempts - 1, 30)), slowest)


def enqueue(name: str, *, delay: timedelta = timedelta(0), **ids: UUID | int) -> None:
    """Have the job `name` run with `ids`, not before `delay` has passed and not before the present transaction commits.

    Raises KeyError for a job nobody declared and TypeError for a periodic job or for anything that is no id.
    """
    if jobs[name].every is not None:
        raise TypeError(f"{name} is periodic: it runs by itself")
    Task.objects.create(name=name, payload=_written(ids), run_at=now() + delay)


def retry(task_id: UUID) -> bool:
    """Have a task that was given up tried once more, from the beginning, or one that waits for its next try at once.

    False, and nothing has changed, for any other: one that is done or running now, one that waits for its first time,
    one that there is not. In the caller's transaction.
    """
    given_up = Q(state=TaskState.FAILED)
    put_off = Q(state=TaskState.WAITING, run_at__gt=now()) & ~Q(reason="")
    fresh = {"state": TaskState.WAITING, "run_at": now(), "attempts": 0, "finished_at": None}
    return Task.objects.filter(given_up | put_off, pk=task_id, name__in=list(jobs)).update(**fresh) == 1


def run_due(stop: threading.Event | None = None) -> int:
    """Run every task that is due, one after the other, until there is none or `stop` is set. Returns how many."""
    ran = 0
    while not (stop is not None and stop.is_set()):
        task = _claim()
        if task is None:
            break
        _run(task)
        ran += 1
    return ran


def run_loop(stop: threading.Event, *, once: bool = False) -> None:
    """Work until `stop` is set; the task that is running then is finished first. With `once`, only do what is due.

    Idle, it looks for work every half second, or when the next task is due. It outlives an outage of the database:
    it tries again, at most every 15 s, and says so in the log. The thread's connection is closed at the end.
    """
    try:
        if once:
            _ensure_periodic()
            run_due(stop)
            return
        _loop(stop)
    finally:
        connection.close()


def _loop(stop: threading.Event) -> None:
    failures, prepared = 0, False
    while not stop.is_set():
        try:
            if not prepared:
                _ensure_periodic()
            run_due(stop)
            _working.inc()
            pause = _pause()
            failures, prepared = 0, True
        except Error as error:
            pause = min(0.5 * 2**failures, _SLOWEST_RECONNECT)
            failures, prepared = min(failures + 1, 10), False
            log.warning("the worker cannot use the database (%s), next try in %.1f s", type(error).__name__, pause)
            connection.close()
        stop.wait(pause)


def _open_tasks() -> QuerySet[Task]:
    """What waits or runs, the next one first. Only names this process knows: during an upgrade others may know more."""
    return Task.objects.filter(state__in=[TaskState.WAITING, TaskState.RUNNING], name__in=list(jobs)).order_by("run_at")


def _pause() -> float:
    """Seconds until the next task is due, at most POLL: what other processes enqueue has to be looked for."""
    due = _open_tasks().values_list("run_at", flat=True).first()
    return POLL if due is None else min(POLL, max(0.01, (due - now()).total_seconds()))


def _claim() -> Task | None:
    """The task that has been due longest, now running under our lease; None when there is none."""
    due = _open_tasks().filter(run_at__lte=now())
    if not due.exists():  # without this, SQLite would take its write lock at every look
        return None
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    with transaction.atomic():
        task = due.first()
        return task if task is not None and _take(task) else None


def _take(task: Task) -> bool:
    """Whether the task is ours to run now. One whose workers have died once too often is given up instead."""
    job = jobs[task.name]
    if not task.periodic and task.attempts >= job.attempts:
        _give_up(task, _WORKER_LOST)
        return False
    return _move(task, state=TaskState.RUNNING, run_at=now() + job.lease, attempts=task.attempts + 1)


def _run(task: Task) -> None:
    began = time.perf_counter()
    # Whatever is logged on behalf of this task names it.
    with bound_contextvars(job=task.name, task=str(task.pk)):
        try:
            jobs[task.name].run(**_read(task.payload))
        except Exception as error:  # noqa: BLE001 - whatever a job raises is kept as its reason and tried again
            connection.close_if_unusable_or_obsolete()
            _runs.inc(task.name, "failed")
            _failed(task, type(error).__name__)
        else:
            _runs.inc(task.name, "done")
            _succeeded(task)
    _seconds.observe(time.perf_counter() - began, task.name)


def _succeeded(task: Task) -> None:
    every = jobs[task.name].every
    if every is None:
        _move(task, state=TaskState.DONE, reason="", finished_at=now())
    else:
        _move(task, state=TaskState.WAITING, run_at=now() + every, attempts=0, reason="")


def _failed(task: Task, reason: str) -> None:
    job = jobs[task.name]
    if not task.periodic and task.attempts >= job.attempts:
        _give_up(task, reason)
        return
    pause = job.retry_after(task.attempts)
    log.warning("%s failed (%s, attempt %d), next try in %s", task.name, reason, task.attempts, pause)
    _move(task, state=TaskState.WAITING, run_at=now() + pause, reason=reason[:100])


def _give_up(task: Task, reason: str) -> None:
    _runs.inc(task.name, "given_up")
    log.error("%s is given up after %d attempts (%s), task %s", task.name, task.attempts, reason, task.pk)
    _move(task, state=TaskState.FAILED, reason=reason[:100], finished_at=now())


def _move(task: Task, **changes: Any) -> bool:
    """Change a task that nobody has changed since we read it; False when somebody has (our lease had ended)."""
    unchanged = Task.objects.filter(pk=task.pk, state=task.state, run_at=task.run_at)
    if not unchanged.update(**changes):
        return False
    for name, value in changes.items():
        setattr(task, name, value)
    return True


def _ensure_periodic() -> None:
    """One row for each periodic job, due at once when it is new and never later than its period allows."""
    for job in jobs.values():
        if job.every is None:
            continue
        Task.objects.bulk_create([Task(name=job.name, periodic=True, run_at=now())], ignore_conflicts=True)
        latest = now() + job.every
        Task.objects.filter(
            name=job.name, periodic=True, state=TaskState.WAITING, attempts=0, run_at__gt=latest
        ).update(run_at=latest)


def _written(ids: dict[str, UUID | int]) -> dict[str, str | int]:
    for name, value in ids.items():
        if type(value) not in (UUID, int):
            raise TypeError(f"{name} is no id: tasks hold UUIDs and whole numbers only")
    return {name: str(value) if isinstance(value, UUID) else value for name, value in ids.items()}


def _read(payload: dict[str, str | int]) -> dict[str, UUID | int | None]:
    return {name: value if isinstance(value, int) else parse_uuid(value) for name, value in payload.items()}


def _kept_for(scope: Scope) -> timedelta | None:
    """Tasks that failed are kept longer, for somebody to look at."""
    return {"": _KEEP_DONE, TaskState.DONE: _KEEP_DONE, TaskState.FAILED: _KEEP_FAILED}.get(scope.state)


def _ended(schedule: Schedule) -> QuerySet[Task]:
    over = {state: schedule.over(Scope(state=state)) for state in (TaskState.DONE, TaskState.FAILED)}
    states = [Q(state=state, finished_at__lt=moment) for state, moment in over.items() if moment is not None]
    return Task.objects.filter(reduce(or_, states, Q(pk__in=())))


RetentionRule(
    "core.tasks",
    title="Tasks that ended",
    covers=("core.Task",),
    keep_for=_kept_for,
    fixed="tasks hold ids of work that is done, and nothing else",
    due=counting(_ended),
    purge=forgetting(_ended),
)
Job("core.tidy_tasks", run=partial(keep_up, "core.tasks"), every=timedelta(hours=1))
