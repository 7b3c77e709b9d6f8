"""The gate before the database: bounded, honest about waiting, and never leaking a place."""

import asyncio
import threading

import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection

from core.errors import DatabaseUnavailable
from realtime import threads

pytestmark = pytest.mark.core


async def test_a_function_runs_in_a_thread_with_a_database(database: None) -> None:
    def ask(value: int, *, factor: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", [value * factor])
            (found,) = cursor.fetchone()
        assert threading.current_thread() is not threading.main_thread()
        return int(found)

    assert await threads.run(ask, 7, factor=6) == 42


def _connected() -> object:
    connection.ensure_connection()
    return connection.connection


async def _held_by_every_thread() -> list[object]:
    """The connection that each thread of the pool has. They wait for each other, so that each is asked once."""
    together = threading.Barrier(settings.DATABASE_THREADS, timeout=10)

    def held() -> object:
        together.wait()
        return connection.connection

    return await asyncio.gather(*(threads.run(held) for _ in range(settings.DATABASE_THREADS)))


async def test_a_thread_takes_a_connection_anew_after_a_while(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "LONGEST_HOLD", 600.0)
    assert await threads.run(_connected) in await _held_by_every_thread()
    monkeypatch.setattr(threads, "LONGEST_HOLD", 0.0)
    assert set(await _held_by_every_thread()) == {None}


async def test_a_connection_in_doubt_is_given_back_at_once(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    in_doubt = set()

    def fail() -> None:
        in_doubt.add(_connected())
        with connection.cursor() as cursor:
            cursor.execute("SELECT nonsense")

    monkeypatch.setattr(threads, "LONGEST_HOLD", 600.0)
    for _ in range(settings.DATABASE_THREADS):
        with pytest.raises((DatabaseError, DatabaseUnavailable)):
            await threads.run(fail)
    assert not in_doubt & set(await _held_by_every_thread())


async def test_who_waits_too_long_is_told_and_the_others_go_on(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """T132, without the doors."""
    monkeypatch.setattr(threads, "LONGEST_WAIT", 0.2)
    release = threading.Event()
    held = [asyncio.ensure_future(threads.run(release.wait, 10)) for _ in range(settings.DATABASE_THREADS)]
    await asyncio.sleep(0)
    with pytest.raises(DatabaseUnavailable) as refusal:
        await threads.run(int)
    assert refusal.value.retry_after_ms
    release.set()
    assert all(await asyncio.gather(*held))
    assert await threads.run(int) == 0


async def test_no_more_run_at_once_than_there_are_threads(database: None) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1

    await asyncio.gather(*(threads.run(work) for _ in range(settings.DATABASE_THREADS * 4)))
    assert most <= settings.DATABASE_THREADS


async def test_a_place_is_free_again_after_errors_and_cancelling(database: None) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(settings.DATABASE_THREADS + 1):
        with pytest.raises(ZeroDivisionError):
            await threads.run(fail)
        task = asyncio.ensure_future(threads.run(threading.Event().wait, 0.01))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await threads.run(int) == 0


async def test_a_database_that_is_away_has_one_name(database: None) -> None:
    def fail() -> None:
        raise OperationalError("canary: server closed the connection")

    with pytest.raises(DatabaseUnavailable) as refusal:
        await threads.run(fail)
    assert "canary" not in str(refusal.value)
