"""Runs: every rule removes what its schedule says, batch by batch.

A run has one moment. What was due then is removed by it, however often it is interrupted and whoever takes it up again;
its counts are written with the batches, so they say what is gone, once. A dry run asks the same rules the same question
and changes nothing.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import Error

import audit
from core.actor import SYSTEM
from core.errors import AuditUnavailable, DatabaseUnavailable, StorageFull
from core.retention import RetentionRule, rules
from retention.alone import alone
from retention.clock import now
from retention.models import By, Policy, Run, RunCount, RunState
from retention.schedules import Planned

log = logging.getLogger(__name__)

_AWAY = (Error, AuditUnavailable, DatabaseUnavailable, StorageFull)
"""How a database that fails shows itself. Its connection may be gone, and with it the lock of `alone`: nothing more is
removed then."""


@dataclass(frozen=True)
class Count:
    """What one rule took away, or would."""

    rule: str
    title: str
    rows: int
    files: int
    failure: str = ""


@dataclass(frozen=True)
class Result:
    """`run` is None for a dry run; `taken_up` tells that somebody else had begun it."""

    moment: datetime
    counts: tuple[Count, ...]
    run: Run | None = None
    taken_up: bool = False

    @property
    def failed(self) -> bool:
        return any(count.failure for count in self.counts)


def dry_run(rule: str = "") -> Result:
    """What a run would take away that began now. Raises KeyError for a rule that does not exist."""
    moment = now()
    found = [(one, one.due(Planned(one, moment))) for one in _chosen(rule)]
    return Result(moment, tuple(Count(one.name, one.title, due.rows, due.files) for one, due in found))


def what_if(rule: RetentionRule, policies: Sequence[Policy]) -> Count:
    """What a run that began now would take away by this rule if these, the most specific first, were its policies."""
    due = rule.due(Planned(rule, now(), instead=policies))
    return Count(rule.name, rule.title, due.rows, due.files)


def apply(by: By, rule: str = "", *, until: float | None = None) -> Result:
    """Run, or take up the run that was interrupted. Returns when it has ended, or at `until` (time.monotonic): then it
    is taken up again by the next call. A run about something else that was interrupted is ended first.

    A rule that fails ends by itself, and the others go on; a failing database ends the call, and the run can be taken
    up again. Raises UnderWay while somebody else runs, KeyError for a rule that does not exist; of a failing database
    its own errors, AuditUnavailable, DatabaseUnavailable and StorageFull.
    """
    _chosen(rule)
    with alone():
        interrupted = _interrupted()
        if interrupted is not None and interrupted.rule != rule:
            _go_on(interrupted, until)
            if interrupted.state == RunState.RUNNING:
                return _result(interrupted, taken_up=True)
            interrupted = None
        run = interrupted or Run.objects.create(by=by, rule=rule, started_at=now())
        _go_on(run, until)
        return _result(run, taken_up=interrupted is not None)


def take_up(*, until: float | None = None) -> None:
    """The same for the run that was interrupted, and no other is begun; without one nothing is done."""
    with alone():
        run = _interrupted()
        if run is not None:
            _go_on(run, until)


def unfinished() -> Run | None:
    """The run that is under way, or was interrupted."""
    return Run.objects.filter(state=RunState.RUNNING).first()


def _interrupted() -> Run | None:
    """The run to take up again. When its moment has yet to come, by a clock that was wrong, it is now."""
    run, moment = unfinished(), now()
    if run is not None and run.started_at > moment:
        run.started_at = moment
        run.save(update_fields=["started_at"])
    return run


def _chosen(rule: str) -> Sequence[RetentionRule]:
    return [rules[rule]] if rule else list(rules.values())


def _go_on(run: Run, until: float | None) -> None:
    # A rule that an upgrade has taken away since has nothing more to remove.
    for rule in (one for one in rules.values() if run.rule in ("", one.name)):
        count, _ = RunCount.objects.get_or_create(run=run, rule=rule.name)
        if count.finished_at is None and not _follow(rule, run, count, until):
            return
    _end(run)


@dataclass(frozen=True)
class _Paused:
    """A rule that stopped between two batches because its time was over. It goes on where it was: one that began again
    each time could spend all of its time on getting there."""

    count: RunCount
    schedule: Planned
    batches: Iterator[None]


_paused: list[_Paused] = []
"""At most one, of the last call in this process."""


def _batches(rule: RetentionRule, run: Run, count: RunCount) -> _Paused:
    """Where the rule was left, unless its policies have changed since or the run's moment; else from the beginning."""
    while _paused:
        left = _paused.pop()
        if left.count.pk == count.pk and left.schedule.moment == run.started_at and left.schedule.is_current():
            return left
    schedule = Planned(rule, run.started_at, count)
    return _Paused(count, schedule, rule.purge(schedule))


def _follow(rule: RetentionRule, run: Run, count: RunCount, until: float | None) -> bool:
    """Whether the rule has nothing more to do in this run."""
    failure = ""
    try:
        going = _batches(rule, run, count)
        for _ in going.batches:
            if until is not None and time.monotonic() >= until:
                _paused.append(going)
                return False
    except _AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a rule raises is kept as its reason; the others go on
        failure = type(error).__name__
        log.error("the retention rule %s failed (%s), run %s", rule.name, failure, run.id)
    _end_rule(run, count, failure)
    return True


def _end_rule(run: Run, count: RunCount, failure: str) -> None:
    """The entry says what is gone; its reason is the rule."""
    with audit.transaction():
        RunCount.objects.filter(pk=count.pk).update(finished_at=now(), failure=failure[:100])
        count.refresh_from_db()
        told = {"rows": count.rows, "files": count.files, "moment": run.started_at.isoformat()}
        audit.record(
            "retention.applied",
            actor=SYSTEM,
            object_id=run.id,
            reason=count.rule,
            details={**told, "failure": failure} if failure else told,
        )


def _end(run: Run) -> None:
    failed = RunCount.objects.filter(run=run).exclude(failure="").exists()
    run.state, run.finished_at = RunState.FAILED if failed else RunState.DONE, now()
    run.save(update_fields=["state", "finished_at"])


def _result(run: Run, *, taken_up: bool) -> Result:
    titles = {rule.name: rule.title for rule in rules.values()}
    counts = tuple(
        Count(one.rule, titles.get(one.rule, one.rule), one.rows, one.files, one.failure)
        for one in RunCount.objects.filter(run=run).order_by("id")
    )
    return Result(run.started_at, counts, run, taken_up)
