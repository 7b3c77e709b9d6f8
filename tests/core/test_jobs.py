"""Background work: once, later again, given up, taken over."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from core import jobs as module
from core.ids import uuid7
from core.jobs import Job, enqueue, jobs, run_due, run_loop
from core.models import Task, TaskState
from core.retention import keep_up
from retention import schedules

pytestmark = pytest.mark.core

PATIENCE = 20.0
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

Declare = Callable[..., Job]
SetClock = Callable[[datetime], None]


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Jobs of one test; those of the server are out of the way meanwhile."""
    monkeypatch.setattr(module, "jobs", {})
    return Job


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    def set_it(moment: datetime) -> None:
        for one in (module, schedules):
            monkeypatch.setattr(one, "now", lambda: moment)

    set_it(NOON)
    return set_it


def the_task() -> Task:
    return Task.objects.get()


class Failing:
    """A job that fails so many times before it succeeds."""

    def __init__(self, times: int) -> None:
        self.times, self.runs = times, 0

    def __call__(self, **ids: Any) -> None:
        self.runs += 1
        if self.runs <= self.times:
            raise ValueError("what the patient wrote")


def test_a_task_runs_with_the_ids_it_was_given(declare: Declare) -> None:
    seen: list[dict[str, Any]] = []
    declare("index", run=lambda **ids: seen.append(ids))
    message = uuid7()
    enqueue("index", message_id=message, upto=17)
    assert run_due() == 1
    assert seen == [{"message_id": message, "upto": 17}]
    assert isinstance(seen[0]["message_id"], UUID)
    assert the_task().state == TaskState.DONE
    assert run_due() == 0


def test_a_task_of_a_transaction_that_rolls_back_never_runs(declare: Declare) -> None:
    declare("index", run=lambda **ids: None)

    @transaction.atomic()
    def act() -> None:
        enqueue("index", message_id=uuid7())
        raise LookupError

    with pytest.raises(LookupError):
        act()
    assert run_due() == 0


@pytest.mark.parametrize("value", ["what the patient wrote", 1.5, None, True, b"x", [1]])
def test_only_ids_can_wait_in_a_task(value: Any, declare: Declare) -> None:
    """Whatever waits in a table waits in the clear."""
    declare("index", run=lambda **ids: None)
    with pytest.raises(TypeError, match="no id"):
        enqueue("index", text=value)
    assert not Task.objects.exists()


def test_a_job_is_declared_once_and_before_it_is_enqueued(declare: Declare) -> None:
    declare("index", run=lambda: None)
    with pytest.raises(TypeError, match="twice"):
        declare("index", run=lambda: None)
    with pytest.raises(KeyError):
        enqueue("indxe")


def test_a_periodic_job_is_not_enqueued(declare: Declare) -> None:
    declare("tick", run=lambda: None, every=timedelta(seconds=1))
    with pytest.raises(TypeError, match="periodic"):
        enqueue("tick")


def test_a_delayed_task_waits(declare: Declare, set_clock: SetClock) -> None:
    declare("index", run=lambda: None)
    enqueue("index", delay=timedelta(minutes=5))
    assert run_due() == 0
    set_clock(NOON + timedelta(minutes=5))
    assert run_due() == 1


def test_tasks_run_in_the_order_in_which_they_are_due(declare: Declare, set_clock: SetClock) -> None:
    seen: list[int] = []
    declare("index", run=lambda number: seen.append(number))
    for number, minutes in ((1, 3), (2, 1), (3, 2)):
        enqueue("index", delay=timedelta(minutes=minutes), number=number)
    set_clock(NOON + timedelta(minutes=5))
    assert run_due() == 3
    assert seen == [2, 3, 1]


def test_every_task_is_claimed_by_one_of_several_workers(declare: Declare) -> None:
    seen: list[int] = []
    begin = threading.Barrier(4)
    declare("index", run=lambda number: seen.append(number))
    for number in range(40):
        enqueue("index", number=number)

    def work() -> int:
        try:
            begin.wait(PATIENCE)
            done = 0
            while Task.objects.filter(state=TaskState.WAITING).exists():
                done += run_due()
            return done
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        counts = [future.result(PATIENCE) for future in [pool.submit(work) for _ in range(4)]]
    assert sum(counts) == 40
    assert sorted(seen) == list(range(40))


def test_a_running_task_is_left_to_its_worker(declare: Declare) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go.wait(PATIENCE)

    def work() -> int:
        try:
            return run_due()
        finally:
            connection.close()

    declare("slow", run=slow)
    enqueue("slow")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(work)
        assert begun.wait(PATIENCE)
        assert the_task().state == TaskState.RUNNING
        assert run_due() == 0
        go.set()
        assert first.result(PATIENCE) == 1
    assert the_task().state == TaskState.DONE


def test_what_fails_is_tried_again_later_each_time(declare: Declare, set_clock: SetClock) -> None:
    failing = Failing(3)
    declare("index", run=failing)
    enqueue("index")
    moment = NOON
    for pause in (1, 2, 4):
        assert run_due() == 1
        task = the_task()
        assert (task.state, task.reason, task.finished_at) == (TaskState.WAITING, "ValueError", None)
        assert task.run_at == moment + timedelta(seconds=pause)
        assert run_due() == 0
        moment = task.run_at
        set_clock(moment)
    assert run_due() == 1
    assert failing.runs == 4
    assert (the_task().state, the_task().reason) == (TaskState.DONE, "")


def test_a_pause_has_an_upper_bound(declare: Declare) -> None:
    assert declare("index", run=print).retry_after(1_000_000) == timedelta(minutes=10)
    assert declare("tick", run=print, every=timedelta(seconds=1)).retry_after(1_000_000) == timedelta(minutes=1)
    assert declare("tidy", run=print, every=timedelta(hours=1)).retry_after(1_000_000) == timedelta(hours=1)


def test_a_task_is_given_up_with_a_reason_and_without_its_text(
    declare: Declare, set_clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failing = Failing(99)
    declare("index", run=failing, attempts=3)
    enqueue("index")
    for minute in range(10):
        set_clock(NOON + timedelta(minutes=minute))
        run_due()
    task = the_task()
    assert (task.state, task.reason, task.attempts) == (TaskState.FAILED, "ValueError", 3)
    assert failing.runs == 3
    assert "given up" in caplog.text
    assert "patient" not in caplog.text + task.reason


def test_one_failing_task_does_not_hold_up_the_others(declare: Declare) -> None:
    seen: list[int] = []
    declare("bad", run=Failing(99))
    declare("good", run=lambda: seen.append(1))
    enqueue("bad")
    enqueue("good")
    assert run_due() == 2
    assert seen == [1]


def test_a_task_whose_lease_has_ended_is_taken_over_and_its_old_worker_changes_nothing_more(
    declare: Declare, set_clock: SetClock
) -> None:
    declare("index", run=lambda: None, lease=timedelta(minutes=1))
    enqueue("index")
    lost = module._claim()  # this worker is never heard of again
    assert lost is not None
    assert run_due() == 0
    set_clock(NOON + timedelta(minutes=1))
    assert run_due() == 1
    assert the_task().attempts == 2
    module._failed(lost, "TooLate")
    assert (the_task().state, the_task().reason) == (TaskState.DONE, "")


def test_a_task_that_kills_its_workers_is_given_up(declare: Declare, set_clock: SetClock) -> None:
    declare("index", run=lambda: None, lease=timedelta(minutes=1), attempts=2)
    enqueue("index")
    for minute in range(2):
        set_clock(NOON + timedelta(minutes=minute))
        assert module._claim() is not None
    set_clock(NOON + timedelta(minutes=2))
    assert run_due() == 0
    assert (the_task().state, the_task().reason) == (TaskState.FAILED, "WorkerLost")


def test_periodic_work_has_one_row_and_comes_again_after_its_period(declare: Declare, set_clock: SetClock) -> None:
    seen: list[int] = []
    declare("tick", run=lambda: seen.append(1), every=timedelta(minutes=1))
    for _ in range(3):
        run_once()
    assert len(seen) == 1
    assert the_task().run_at == NOON + timedelta(minutes=1)
    set_clock(NOON + timedelta(minutes=1))
    run_once()
    assert len(seen) == 2
    assert Task.objects.count() == 1


def test_periodic_work_is_never_given_up(declare: Declare, set_clock: SetClock) -> None:
    failing = Failing(20)
    declare("tick", run=failing, every=timedelta(seconds=1), attempts=3)
    for minutes in range(21):
        set_clock(NOON + timedelta(minutes=2 * minutes))
        run_once()
    assert failing.runs == 21
    assert (the_task().state, the_task().attempts, the_task().reason) == (TaskState.WAITING, 0, "")


def test_a_shorter_period_holds_from_the_next_start_on(declare: Declare, set_clock: SetClock) -> None:
    declare("tick", run=lambda: None, every=timedelta(days=1))
    run_once()
    module.jobs.clear()
    declare("tick", run=lambda: None, every=timedelta(minutes=1))
    run_once()
    assert the_task().run_at == NOON + timedelta(minutes=1)


def test_workers_that_start_together_make_one_row_for_each_periodic_job(declare: Declare) -> None:
    seen: list[int] = []
    begin = threading.Barrier(4)
    declare("tick", run=lambda: seen.append(1), every=timedelta(hours=1))

    def work() -> None:
        begin.wait(PATIENCE)
        run_loop(threading.Event(), once=True)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result(PATIENCE)
    assert Task.objects.count() == 1
    assert len(seen) == 1


def test_work_of_a_newer_version_is_left_alone(declare: Declare) -> None:
    declare("index", run=lambda: None)
    Task.objects.create(name="later.job")
    assert run_due() == 0
    assert the_task().state == TaskState.WAITING


def test_ended_tasks_are_forgotten_after_a_while(declare: Declare, set_clock: SetClock) -> None:
    def ended(state: TaskState, days: int) -> UUID:
        return Task.objects.create(name="index", state=state, finished_at=NOON - timedelta(days=days)).pk

    ended(TaskState.DONE, 2)
    ended(TaskState.FAILED, 31)
    kept = {ended(TaskState.DONE, 0), ended(TaskState.FAILED, 29), Task.objects.create(name="index").pk}
    keep_up("core.tasks")
    assert set(Task.objects.values_list("pk", flat=True)) == kept


def test_the_server_declares_its_jobs_by_itself() -> None:
    assert {"audit.seal", "audit.bursts", "core.tidy_tasks"} <= jobs.keys()


@pytest.fixture
def worker(declare: Declare) -> Iterator[Callable[[], None]]:
    """Starts the loop in a thread of its own, as the embedded server does; stopped at the end of the test."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start() -> None:
        threads.append(threading.Thread(target=run_loop, args=[stop]))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_the_loop_finds_what_is_enqueued_while_it_waits(declare: Declare, worker: Callable[[], None]) -> None:
    done = threading.Event()
    declare("index", run=done.set)
    worker()
    enqueue("index")
    assert done.wait(PATIENCE)


def test_the_loop_does_not_hammer_the_database_while_there_is_nothing_to_do(
    declare: Declare, set_clock: SetClock
) -> None:
    declare("index", run=lambda: None)
    assert module._pause() == module.POLL
    enqueue("index", delay=timedelta(hours=1))
    assert module._pause() == module.POLL
    enqueue("index", delay=timedelta(milliseconds=200))
    assert module._pause() == pytest.approx(0.2)


def test_the_loop_outlives_an_outage_of_the_database(
    declare: Declare,
    worker: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    done, failures = threading.Event(), iter(range(2))
    ensure = module._ensure_periodic

    def fails_at_first() -> None:
        if next(failures, None) is not None:
            raise OperationalError("connection refused")
        ensure()

    monkeypatch.setattr(module, "_ensure_periodic", fails_at_first)
    declare("index", run=done.set)
    enqueue("index")
    worker()
    assert done.wait(PATIENCE)
    warnings = [record.getMessage() for record in caplog.records if record.name == "core.jobs"]
    assert len(warnings) == 2
    assert all("cannot use the database (OperationalError)" in warning for warning in warnings)


def run_once() -> None:
    """One pass of the loop in a thread of its own: at its end it closes the thread's connection."""
    thread = threading.Thread(target=run_loop, args=[threading.Event()], kwargs={"once": True})
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
