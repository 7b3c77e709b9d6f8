"""Runs: what is due goes, is counted once, and a dry run says the same."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import StringIO

import httpx
import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

import audit
from accounts.models import LoginSession, RefreshToken
from attachments.sweeping import remove_gone
from audit.models import Burst, Detail
from audit.verify import verify
from core import doors
from core.actor import SYSTEM, SYSTEM_ID
from core.errors import AuditUnavailable, DatabaseUnavailable, NotFound, StorageFull
from core.ids import uuid7
from core.models import Task, TaskState
from core.retention import Purged, Schedule, rules
from core.time import now
from retention import engine
from retention.alone import UnderWay, alone
from retention.models import By, Run, RunCount, RunState
from retention.schedules import Planned
from retention.services import create_policy
from tests.attachments.filing import Shelf, uploaded
from tests.audit.people import somebody
from tests.messaging.talking import entries
from tests.people import Person, sign_in
from tests.retention.running import YEARS, apply, command, dry_run
from tests.retention.things import declared

pytestmark = pytest.mark.core

PATIENCE = 20
NOTHING = (0, 0)

Later = Callable[..., datetime]


@pytest.fixture
def traces(patient: httpx.Client, doc1: Person, pat1: Person, c1: str, shelf: Shelf) -> dict[str, tuple[int, int]]:
    """A little of everything that ends, with what will be due of it by rule."""
    for _ in range(3):
        uploaded(patient, c1)
        sign_in(doc1)
    sessions = LoginSession.objects.count()
    Task.objects.create(name="index", state=TaskState.DONE, finished_at=now())
    Task.objects.create(name="index", state=TaskState.FAILED, finished_at=now())
    Session.objects.create(session_key="k", session_data="", expire_date=now())
    doors.record_refusal(somebody(), "GET conversations/{id}", NotFound(subject_id=uuid7()))
    return {
        "core.tasks": (2, 0),
        "audit.bursts": (1, 0),
        "accounts.refresh_tokens": (sessions, 0),
        "accounts.sessions": (sessions, 0),
        "accounts.admin_sessions": (1, 0),
        "attachments.unsent": (3, 3),
    }


def test_nothing_is_due_at_once_and_everything_after_seven_years(
    traces: dict[str, tuple[int, int]], shelf: Shelf, later: Later
) -> None:
    """T154: dry run and run say the same, to the row and file; a second run finds nothing."""
    early = dry_run()
    assert {name: early[name] for name in traces} == dict.fromkeys(traces, NOTHING)
    later(days=7 * YEARS + 1)
    expected = dry_run()
    assert traces.items() <= expected.items()
    assert dry_run() == expected, "a dry run changes nothing"
    assert not Run.objects.exists()
    assert apply() == expected
    remove_gone()
    assert shelf.all() == []
    for model in (LoginSession, RefreshToken, Session, Burst, Task):
        assert not model.objects.exists()
    assert dry_run() == apply() == dict.fromkeys(rules, NOTHING)
    assert verify().problems == []


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("core.tasks", 1),
        ("accounts.sessions", 37),
        ("attachments.unsent", 1),
    ],
)
def test_nothing_goes_an_hour_too_early(traces: dict[str, tuple[int, int]], later: Later, rule: str, days: int) -> None:
    """A session ends by itself seven days after it began."""
    LoginSession.objects.update(expires_at=now() + timedelta(days=7))
    later(days=days, hours=-1)
    assert apply("--rule", rule) == {rule: NOTHING}
    later(days=days, minutes=1)
    [(rows, _)] = apply("--rule", rule).values()
    assert rows > 0


def test_what_a_run_took_away_is_kept_and_in_the_log(traces: dict[str, tuple[int, int]], later: Later) -> None:
    moment = later(days=400)
    result = command("apply_retention")
    run = Run.objects.get()
    assert (run.state, run.by, run.started_at, run.finished_at) == (RunState.DONE, By.COMMAND, moment, moment)
    assert result["run"] == str(run.id)
    assert (result["dryRun"], result["takenUp"]) == (False, False)
    stored = {one.rule: (one.rows, one.files) for one in RunCount.objects.filter(run=run).order_by("id")}
    assert stored == {one["rule"]: (one["rows"], one["files"]) for one in result["rules"]}
    assert list(stored) == list(rules)
    told = entries("retention.applied")
    assert [(entry.actor, entry.object, entry.reason) for entry in told] == [
        (SYSTEM_ID, run.id, name) for name in rules
    ]
    for entry in told:
        details = Detail.objects.get(entry=entry.id).payload()
        assert (details["rows"], details["files"]) == stored[entry.reason]


def test_a_policy_changes_what_is_due(doc1: Person, later: Later) -> None:
    sign_in(doc1)
    create_policy(actor=SYSTEM, rule="accounts.sessions", days=100)
    later(days=99)
    assert dry_run("--rule", "accounts.sessions") == apply("--rule", "accounts.sessions")
    assert LoginSession.objects.count() == 1
    later(days=108)
    assert apply("--rule", "accounts.sessions") == {"accounts.sessions": (1, 0)}


def test_one_rule_alone(traces: dict[str, tuple[int, int]], later: Later) -> None:
    later(days=400)
    assert apply("--rule", "core.tasks") == {"core.tasks": (2, 0)}
    assert Run.objects.get().rule == "core.tasks"
    assert LoginSession.objects.exists()
    with pytest.raises(CommandError):
        apply("--rule", "core.nothing")


@pytest.fixture
def failing() -> Iterator[list[BaseException]]:
    """A rule, `test.failing`, that takes one row away and then raises what is put here."""
    errors: list[BaseException] = []

    def purge(schedule: Schedule) -> Iterator[None]:
        with transaction.atomic():
            schedule.took(Purged(1))
        yield
        for error in errors:
            raise error

    before = dict(rules)
    declared("test.failing", purge=purge)
    yield errors
    rules.clear()
    rules.update(before)


def test_a_rule_that_fails_keeps_no_other_from_its_work(
    failing: list[BaseException], traces: dict[str, tuple[int, int]], later: Later
) -> None:
    """Its reason is kept, without a word that somebody may have written; the next run tries it again."""
    for name in traces:  # put behind the one that fails
        rules[name] = rules.pop(name)
    failing.append(ValueError("Otto Utz"))
    later(days=400)
    with pytest.raises(CommandError):
        call_command("apply_retention", stdout=StringIO())
    run = Run.objects.get()
    assert run.state == RunState.FAILED
    counts = {one.rule: (one.rows, one.failure) for one in run.counts.all()}
    assert counts["test.failing"] == (1, "ValueError")
    assert counts["accounts.sessions"] == (traces["accounts.sessions"][0], "")
    failing.clear()
    assert apply()["test.failing"] == (1, 0)
    assert Run.objects.filter(state=RunState.DONE).count() == 1


@pytest.mark.parametrize("gone", [OperationalError("gone"), AuditUnavailable(), DatabaseUnavailable(), StorageFull()])
def test_a_database_that_fails_leaves_the_run_to_be_taken_up(
    failing: list[BaseException], later: Later, gone: Exception
) -> None:
    moment = later(days=400)
    failing.append(gone)
    with pytest.raises(type(gone)):
        engine.apply(By.COMMAND, "test.failing")
    assert Run.objects.get().state == RunState.RUNNING
    failing.clear()
    later(days=500)
    result = engine.apply(By.WORKER, "test.failing")
    assert (result.taken_up, result.moment) == (True, moment)
    assert [(count.rows, count.failure) for count in result.counts] == [(2, "")]
    assert Run.objects.get().state == RunState.DONE
    assert [entry.reason for entry in entries("retention.applied")] == ["test.failing"]


@pytest.fixture
def losing() -> Iterator[list[int]]:
    """A rule that loses the connection before its first entry of the log is written, and one behind it that looks how
    many such locks this connection has. Returns what that one saw."""
    seen: list[int] = []
    lost: list[bool] = []

    def lose() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [ours] = cursor.fetchone()
        with ThreadPoolExecutor(1) as pool:
            lost.append(pool.submit(_end_connection, ours).result(PATIENCE))

    def purge(schedule: Schedule) -> Iterator[None]:
        with audit.transaction():
            schedule.took(Purged(1))
            audit.record("message.deleted", actor=SYSTEM, object_id=uuid7())
            if not lost:
                lose()
        yield

    def look(schedule: Schedule) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            seen.extend(cursor.fetchone())
        yield

    before = dict(rules)
    rules.clear()
    declared("test.losing", purge=purge)
    declared("test.looking", purge=look)
    yield seen
    rules.clear()
    rules.update(before)


def _end_connection(pid: int) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
            [ended] = cursor.fetchone()
            return bool(ended)
    finally:
        connection.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a file is no connection that can be lost")
def test_a_connection_that_is_lost_while_the_log_is_written_ends_the_run_and_not_the_rule(losing: list[int]) -> None:
    """The lock went with it: nothing more is removed until somebody has it again."""
    with pytest.raises(CommandError, match="taken up again"):
        call_command("apply_retention", stdout=StringIO())
    assert losing == []
    run = Run.objects.get()
    assert (run.state, [(one.rows, one.failure, one.finished_at) for one in run.counts.all()]) == (
        RunState.RUNNING,
        [(0, "", None)],
    )
    engine.take_up()
    run.refresh_from_db()
    assert (run.state, run.counts.get(rule="test.losing").rows, losing) == (RunState.DONE, 1, [1])


def test_a_machine_whose_clock_is_fast_removes_nothing_early(doc1: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(doc1)
    monkeypatch.setattr("core.time._correction", timedelta(days=4000))
    assert dry_run("--rule", "accounts.sessions") == apply("--rule", "accounts.sessions")
    assert LoginSession.objects.count() == 1
    assert Run.objects.get().started_at < now() - timedelta(days=3999)


def test_a_run_from_the_future_is_ended_as_of_now(doc1: Person, later: Later) -> None:
    """Begun by a clock that was wrong, and interrupted."""
    sign_in(doc1)
    Run.objects.create(by=By.WORKER, rule="accounts.sessions", started_at=now() + timedelta(days=4000))
    before = later(minutes=1)
    engine.take_up()
    run = Run.objects.get()
    assert (run.started_at, run.state) == (before, RunState.DONE)
    assert LoginSession.objects.count() == 1
    engine.take_up()
    assert Run.objects.count() == 1


def test_another_run_that_was_interrupted_is_ended_first(failing: list[BaseException], later: Later) -> None:
    failing.append(OperationalError("gone"))
    with pytest.raises(OperationalError):
        engine.apply(By.COMMAND, "test.failing")
    failing.clear()
    assert apply("--rule", "core.tasks") == {"core.tasks": NOTHING}
    assert list(Run.objects.order_by("id").values_list("rule", "state")) == [
        ("test.failing", "done"),
        ("core.tasks", "done"),
    ]


def test_counting_belongs_into_the_batchs_own_transaction(doc1: Person) -> None:
    schedule = Planned(rules["core.tasks"], now())
    with pytest.raises(RuntimeError):
        schedule.took(Purged(1))


def test_there_is_one_run_at_a_time(failing: list[BaseException]) -> None:
    """T155: the second says so and begins nothing; when the first has ended, the way is free."""
    inside, go = threading.Event(), threading.Event()

    def run_slowly() -> None:
        try:
            with alone():
                inside.set()
                assert go.wait(PATIENCE)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_slowly)
        assert inside.wait(PATIENCE)
        with pytest.raises(CommandError, match="under way"):
            apply()
        with pytest.raises(UnderWay):
            engine.apply(By.WORKER)
        dry_run()
        go.set()
        running.result(PATIENCE)
    assert not Run.objects.exists()
    assert apply("--rule", "test.failing") == {"test.failing": (1, 0)}


def test_two_that_begin_at_once_count_once(doc1: Person, later: Later) -> None:
    for _ in range(20):
        sign_in(doc1)
    later(days=100)
    expected = dry_run("--rule", "accounts.sessions")
    begin = threading.Barrier(2)

    def begin_one() -> bool:
        try:
            begin.wait(PATIENCE)
            engine.apply(By.COMMAND, "accounts.sessions")
        except UnderWay:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        ran = [future.result(PATIENCE) for future in [pool.submit(begin_one) for _ in range(2)]]
    assert any(ran)
    assert sum(count.rows for count in RunCount.objects.all()) == expected["accounts.sessions"][0] == 20
    assert not Run.objects.filter(state=RunState.RUNNING).exists()


def test_it_is_told_in_words_too(traces: dict[str, tuple[int, int]], later: Later) -> None:
    later(days=400)
    out = StringIO()
    call_command("apply_retention", "--dry-run", stdout=out)
    assert "Files that were never sent (attachments.unsent): 3 rows, 3 files would go" in out.getvalue()
    call_command("apply_retention", stdout=out)
    assert "Tasks that ended (core.tasks): 2 rows, 0 files removed" in out.getvalue()


def test_figures_say_what_is_kept_due_and_held(traces: dict[str, tuple[int, int]], later: Later) -> None:
    create_policy(actor=SYSTEM, rule="accounts.sessions", days=100, note="Asked for by Otto Utz.")
    later(days=400)
    before = command("retention_stats")
    due = {one["rule"]: (one["due"]["rows"], one["due"]["files"]) for one in before["rules"]}
    assert due == dry_run()
    assert [(one["rule"], one["days"]) for one in before["policies"]] == [("accounts.sessions", 100)]
    assert (before["lastRun"], before["holds"]) == (None, {})
    assert {one["model"] for one in before["kept"]} >= {"accounts.User", "audit.Entry"}
    assert "Otto" not in str(before)
    apply()
    assert command("retention_stats")["lastRun"]["state"] == "done"
    out = StringIO()
    call_command("retention_stats", stdout=out)
    assert "Ended sessions (accounts.sessions): 30 days; due now: 0 rows, 0 files" in out.getvalue()
    assert "accounts.sessions, everything: 100 days" in out.getvalue()
    rooms = "in course, group, private, public, study_group: 365 days"
    assert f"(messaging.messages): 2557 days; {rooms}; voice: 1096 days; deleted: 90 days; due now" in out.getvalue()
    [messages] = [one for one in before["rules"] if one["rule"] == "messaging.messages"]
    assert {"of": "voice", "period": "1096 days"} in messages["otherPeriods"]
    assert "Legal holds: none." in out.getvalue()
    assert "by the command, done" in out.getvalue()
