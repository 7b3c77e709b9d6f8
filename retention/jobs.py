"""The worker's part: a run each night, in slices, so that seals and expiry of the same worker do not wait for it."""

import time
from datetime import timedelta

from core.jobs import Job, enqueue
from core.models import Task, TaskState
from retention import engine, nights
from retention.alone import UnderWay
from retention.models import By

SLICE = 5.0
"""Seconds of one task. Whatever else is due by then goes first."""

_APPLY = "retention.apply"


def look() -> None:
    """Have the nightly run begin when it is time, and one that was interrupted go on."""
    waiting = Task.objects.filter(name=_APPLY, state__in=[TaskState.WAITING, TaskState.RUNNING])
    if _is_wanted() and not waiting.exists():
        enqueue(_APPLY)


def apply_some() -> None:
    """One slice; the next one is enqueued. Does nothing while a command runs, which then does it all.

    One that was interrupted is ended, and no other begun before its night: whoever has tried one rule at a terminal
    has not asked for all of them.
    """
    until = time.monotonic() + SLICE
    try:
        if engine.unfinished() is not None:
            engine.take_up(until=until)
        elif nights.is_due():
            engine.apply(By.WORKER, until=until)
    except UnderWay:
        return
    if engine.unfinished() is not None:
        enqueue(_APPLY)


def _is_wanted() -> bool:
    return engine.unfinished() is not None or nights.is_due()


Job(nights.NIGHTLY, run=look, every=timedelta(minutes=1))
Job(_APPLY, run=apply_some, lease=timedelta(minutes=10))
