"""The worker runs retention at night, in slices, so that other work is not kept waiting."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from core import jobs as module
from core.actor import SYSTEM
from core.jobs import enqueue, jobs, run_due
from core.models import Task, TaskState
from core.retention import Purged, Schedule, rules
from retention import engine, nights
from retention import jobs as ours
from retention.alone import alone
from retention.models import By, Run, RunState
from retention.services import create_policy
from tests.retention.running import apply
from tests.retention.things import declared

pytestmark = pytest.mark.core

EVENING = datetime(2026, 3, 4, 21, 0, tzinfo=UTC)

SetClock = Callable[[datetime], None]


@pytest.fixture
def at(set_clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """From then on it is that moment, for retention and for the worker. The worker knows our two jobs only."""
    monkeypatch.setattr(module, "jobs", {name: job for name, job in jobs.items() if name.startswith("retention.")})

    def set_it(moment: datetime) -> None:
        set_clock(moment)
        monkeypatch.setattr(module, "now", lambda: moment)

    set_it(EVENING)
    Task.objects.create(name=nights.NIGHTLY, periodic=True, created_at=EVENING, run_at=EVENING)
    return set_it


def look_at(at: SetClock, moment: datetime) -> None:
    """The worker's minute comes round."""
    at(moment)
    Task.objects.filter(name=nights.NIGHTLY).update(run_at=moment)
    run_due()


def test_they_run_by_themselves() -> None:
    assert jobs[nights.NIGHTLY].every == timedelta(minutes=1)
    assert jobs["retention.apply"].every is None


def test_a_new_installation_waits_for_its_first_night(at: SetClock) -> None:
    """Whoever has just upgraded has time to place holds."""
    look_at(at, EVENING)
    look_at(at, datetime(2026, 3, 5, 2, 59, tzinfo=UTC))
    assert not Run.objects.exists()
    look_at(at, datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    run = Run.objects.get()
    assert (run.by, run.state, run.rule) == (By.WORKER, RunState.DONE, "")


def test_there_is_one_a_night(at: SetClock) -> None:
    for hour in (3, 4, 12, 23):
        look_at(at, datetime(2026, 3, 5, hour, 0, tzinfo=UTC))
    assert Run.objects.count() == 1
    look_at(at, datetime(2026, 3, 6, 3, 1, tzinfo=UTC))
    assert Run.objects.count() == 2


def test_a_night_that_was_missed_is_made_up_for_once(at: SetClock) -> None:
    look_at(at, datetime(2026, 3, 9, 14, 0, tzinfo=UTC))
    look_at(at, datetime(2026, 3, 9, 15, 0, tzinfo=UTC))
    assert Run.objects.count() == 1


def test_a_whole_run_by_a_command_counts_as_the_nights_and_one_rule_does_not(at: SetClock) -> None:
    at(datetime(2026, 3, 5, 3, 30, tzinfo=UTC))
    apply("--rule", "core.tasks")
    assert nights.is_due()
    apply()
    look_at(at, datetime(2026, 3, 5, 3, 31, tzinfo=UTC))
    assert Run.objects.count() == 2


def test_the_worker_ends_one_rule_that_was_interrupted_and_begins_no_other(at: SetClock) -> None:
    """Somebody tried one rule at a terminal, before the first night, and went away."""
    Run.objects.create(by=By.COMMAND, rule="core.tasks", started_at=EVENING)
    look_at(at, EVENING + timedelta(minutes=1))
    run = Run.objects.get()
    assert (run.rule, run.state) == ("core.tasks", RunState.DONE)
    Run.objects.create(by=By.COMMAND, rule="core.tasks", started_at=EVENING)
    look_at(at, datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    look_at(at, datetime(2026, 3, 5, 3, 1, tzinfo=UTC))
    assert list(Run.objects.order_by("id").values_list("rule", "state")) == [
        ("core.tasks", "done"),
        ("core.tasks", "done"),
        ("", "done"),
    ]


@pytest.mark.parametrize("wrong", [timedelta(days=3650), timedelta(days=2), timedelta(hours=9)], ids=str)
def test_a_clock_that_was_wrong_once_keeps_no_night_from_its_run(at: SetClock, wrong: timedelta) -> None:
    look_at(at, EVENING + wrong)
    assert Run.objects.count() == 1
    for day in (5, 6):
        for minute in (0, 30):
            look_at(at, datetime(2026, 3, day, 4, minute, tzinfo=UTC))
    runs = list(Run.objects.order_by("id").values_list("started_at", flat=True))
    assert runs[1:] == [datetime(2026, 3, day, 4, tzinfo=UTC) for day in (5, 6)]


def test_an_installation_of_a_clock_that_was_wrong_has_its_first_night(at: SetClock) -> None:
    Task.objects.filter(name=nights.NIGHTLY).update(created_at=EVENING + timedelta(days=3650))
    look_at(at, datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    assert Run.objects.count() == 1


def test_the_hour_is_the_organisations(settings: Settings, at: SetClock) -> None:
    """Half past one in the night of Berlin, when it is still the day before elsewhere."""
    settings.TIME_ZONE, settings.RETENTION_AT = "Europe/Berlin", time(1, 30)
    at(datetime(2026, 7, 4, 23, 29, tzinfo=UTC))
    assert nights.last_night() == datetime(2026, 7, 3, 23, 30, tzinfo=UTC)
    at(datetime(2026, 7, 4, 23, 30, tzinfo=UTC))
    assert nights.last_night() == datetime(2026, 7, 4, 23, 30, tzinfo=UTC)


@pytest.fixture
def long_work() -> Iterator[list[str]]:
    """A rule with five batches to do, each of which has something urgent done. Returns what was done, in order."""
    done: list[str] = []

    def purge(schedule: Schedule) -> Iterator[None]:
        done.append("begun")
        for _ in range(5):
            with transaction.atomic():
                schedule.took(Purged(1))
                enqueue("test.urgent")
            done.append("batch")
            yield

    declared("test.long", purge=purge)
    yield done
    del rules["test.long"]


def test_after_each_slice_what_is_due_meanwhile_goes_first(
    at: SetClock, long_work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next slice goes on where the last one was."""
    monkeypatch.setattr(ours, "SLICE", 0.0)
    module.Job("test.urgent", run=lambda: long_work.append("urgent"))
    look_at(at, datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    assert long_work == ["begun", *["batch", "urgent"] * 5]
    run = Run.objects.get()
    assert run.state == RunState.DONE
    assert run.counts.get(rule="test.long").rows == 5


def test_a_policy_that_changes_between_two_slices_counts_at_once(
    at: SetClock, long_work: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    module.Job("test.urgent", run=lambda: None)
    engine.apply(By.WORKER, "test.long", until=0.0)
    create_policy(actor=SYSTEM, rule="test.long", days=40)
    engine.apply(By.WORKER, "test.long", until=0.0)
    engine.apply(By.WORKER, "test.long", until=0.0)
    assert long_work == ["begun", "batch", "begun", "batch", "batch"]


def _work() -> None:
    try:
        ours.apply_some()
    finally:
        connection.close()


def test_while_a_command_runs_the_worker_leaves_it_alone(at: SetClock) -> None:
    at(datetime(2026, 3, 5, 3, 0, tzinfo=UTC))
    ours.look()
    ours.look()
    assert Task.objects.filter(name="retention.apply").count() == 1
    # On PostgreSQL a connection may lock twice: another thread has another.
    with alone(), ThreadPoolExecutor(1) as pool:
        pool.submit(_work).result(20)
    assert not Run.objects.exists()
    assert Task.objects.get(name="retention.apply").state == TaskState.WAITING
