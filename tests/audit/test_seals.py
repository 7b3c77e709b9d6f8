"""Entries become links of one chain, whoever writes and in whatever order they become visible."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

import audit
from audit import entries, seals
from audit.entries import Note, write
from audit.models import Entry, Seal
from audit.seals import seal_pending
from core import jobs
from core.ids import uuid7
from core.time import now
from tests.audit.people import ids, record_some, somebody

pytestmark = pytest.mark.core

LONG = bool(os.environ.get("PARLEY_TEST_LONG"))
# SQLite lets one write at a time; no more than the threads of a server wait for it.
WRITERS = settings.DATABASE_THREADS if connection.vendor == "sqlite" else 50 if LONG else 20
ACTIONS = 200 if LONG else 40
PATIENCE = 60.0


def chain() -> list[UUID]:
    """The sealed entries in their order; their numbers have no gaps."""
    numbers_and_entries = list(Seal.objects.order_by("n").values_list("n", "entry"))
    assert [n for n, _ in numbers_and_entries] == list(range(1, len(numbers_and_entries) + 1))
    return [entry for _, entry in numbers_and_entries]


def assert_the_log_verifies() -> None:
    call_command("verify_audit_log", stdout=StringIO())  # ends with SystemExit when it does not


def elsewhere(action: Callable[[], object]) -> None:
    """Do something in another thread, with its own connection, and wait for it."""

    def run() -> object:
        try:
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result(PATIENCE)


def test_entries_are_sealed_once_in_the_order_of_their_ids() -> None:
    first = record_some(3)
    assert seal_pending() == 3
    second = record_some(2)
    assert seal_pending() == 2
    assert seal_pending() == 0
    assert chain() == ids(first + second)
    assert_the_log_verifies()


def test_seals_that_were_taken_away_are_missed_and_do_not_hold_up_new_ones(tamper: Callable[..., int]) -> None:
    record_some(10)
    assert seal_pending() == 10
    assert tamper("DELETE FROM audit_seal WHERE n > 5") == 5
    new = record_some(2)
    jobs.run_loop(threading.Event(), once=True)
    assert Seal.objects.filter(entry__in=ids(new)).count() == 2
    assert tamper("DELETE FROM audit_seal WHERE n = 2") == 1
    with pytest.raises(SystemExit):
        call_command("verify_audit_log", stdout=StringIO())
    late = record_some(1)
    assert seal_pending() == 2  # with the one whose seal is gone
    assert Seal.objects.filter(entry__in=ids(late)).exists()


def test_more_entries_than_fit_in_one_transaction_are_sealed_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "_MOST_AT_ONCE", 3)
    recorded = record_some(10)
    assert seal_pending() == 10
    assert chain() == ids(recorded)
    assert_the_log_verifies()


def test_what_is_not_committed_is_not_sealed() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets nobody else write meanwhile")
    actor = somebody()
    with transaction.atomic():
        write([Note("users.viewed", actor)])
        elsewhere(seal_pending)
        assert chain() == []
    assert seal_pending() == 1


def test_an_entry_that_becomes_visible_late_is_sealed_after_entries_with_higher_ids() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets nobody else write meanwhile")
    seal_pending()
    seal_pending()  # the looks through more than the last seconds are over
    slow = somebody()
    with transaction.atomic():
        write([Note("users.viewed", slow)])
        elsewhere(lambda: record_some(2))
        elsewhere(seal_pending)
    late = Entry.objects.get(actor=slow.id)
    assert seal_pending() == 1
    assert chain()[-1] == late.id
    assert late.id < chain()[0]
    assert_the_log_verifies()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for how often the sealer looks how far back."""
    clock = [time.monotonic()]
    monkeypatch.setattr(seals, "monotonic", lambda: clock[0])

    def wait(seconds: float) -> None:
        clock[0] += seconds

    return wait


def write_with_an_id_of(age: timedelta, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """An entry of a process whose clock is that far behind, or whose COMMIT took that long."""
    milliseconds = int((now() - age).timestamp() * 1000)
    old = UUID(int=milliseconds << 80 | uuid7().int & (1 << 80) - 1)
    with monkeypatch.context() as patch:
        patch.setattr(entries, "uuid7", lambda: old)
        with audit.transaction():
            audit.record("users.viewed", actor=somebody())
    return old


def test_entries_that_are_minutes_late_are_sealed_within_a_minute_and_hours_within_the_hour(
    pass_time: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    record_some(1)
    assert seal_pending() == 1  # through everything
    assert seal_pending() == 0  # ten minutes back
    minutes_late = write_with_an_id_of(timedelta(minutes=5), monkeypatch)
    hours_late = write_with_an_id_of(timedelta(hours=5), monkeypatch)
    assert seal_pending() == 0
    pass_time(61)
    assert seal_pending() == 1
    assert chain()[-1] == minutes_late
    pass_time(3600)
    assert seal_pending() == 1
    assert chain()[-1] == hours_late
    assert_the_log_verifies()


def test_a_clock_that_is_set_back_leaves_nothing_unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "now", lambda: now() + timedelta(hours=1))
    seal_pending()
    seal_pending()
    monkeypatch.setattr(seals, "now", now)
    record_some(2)
    assert seal_pending() == 2


def test_an_id_from_the_future_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    write_with_an_id_of(-timedelta(days=365 * 1000), monkeypatch)
    assert seal_pending() == 1
    record_some(2)
    seal_pending()
    record_some(1)
    assert seal_pending() == 1
    assert len(chain()) == 4


def test_a_process_that_starts_seals_everything_that_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seal_pending()
    seal_pending()
    write_with_an_id_of(timedelta(days=30), monkeypatch)
    assert seal_pending() == 0
    seals.forget()  # what it remembers dies with a process
    assert seal_pending() == 1


def test_nobody_seals_while_somebody_else_does() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer anyway")
    record_some(2)
    counts: list[int] = []
    with transaction.atomic():
        assert seals._alone()
        elsewhere(lambda: counts.append(seal_pending()))
    assert counts == [0]
    assert seal_pending() == 2


def test_many_writers_and_several_sealers_make_one_valid_chain() -> None:
    """T107."""
    done = threading.Event()

    def act() -> None:
        actor = somebody()
        for _ in range(ACTIONS):
            with audit.transaction():
                audit.record("user.updated", actor=actor, object_id=uuid7(), details={"n": 1})
            connection.close()

    def seal() -> None:
        while not done.wait(0.02):
            seal_pending()
        connection.close()

    with ThreadPoolExecutor(WRITERS + 2) as pool:
        sealers = [pool.submit(seal) for _ in range(2)]
        try:
            for writer in [pool.submit(act) for _ in range(WRITERS)]:
                writer.result(PATIENCE * 5)
        finally:
            done.set()
        for sealer in sealers:
            sealer.result(PATIENCE)
    seals.forget()
    seal_pending()
    assert len(chain()) == WRITERS * ACTIONS
    assert_the_log_verifies()
