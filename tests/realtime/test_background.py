"""What runs beside the sockets survives its own mistakes."""

import asyncio
import threading

import pytest
from pytest_django import Settings

from core import jobs
from core.errors import DatabaseUnavailable
from realtime import lifespan, revocation, streams
from realtime.mailbox import Flag, Mailbox
from realtime.session import Session
from tests.live import Server
from tests.messaging.talking import say
from tests.people import Person, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_a_session_that_fails_in_a_tick_closes_alone(
    server: Server, pat1: Person, doc1: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    real = Session.check

    def fails_for_one(session: Session, moment: float) -> None:
        if session.socket.user_id == pat1.id:
            raise ZeroDivisionError
        real(session, moment)

    settings.HEARTBEAT = 0.3
    monkeypatch.setattr(Session, "check", fails_for_one)
    with connect(server, pat1.token) as failing, connect(server, doc1.token) as other:
        assert failing.closed_with() == 1011
        assert other.next_frame_where(lambda frame: frame.get("type") == "ping")


def test_the_sweep_and_the_comparison_of_heads_go_on_after_the_database_was_away(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    calls: dict[str, int] = {"heads": 0, "sweep": 0}

    def away(name: str) -> None:
        calls[name] += 1
        raise DatabaseUnavailable if calls[name] == 1 else ZeroDivisionError

    async def sweep(*args: object) -> None:
        away("sweep")

    monkeypatch.setattr(revocation, "sweep", sweep)
    monkeypatch.setattr(streams, "heads", lambda ids: away("heads"))
    settings.HEARTBEAT = settings.SWEEP_INTERVAL = 0.05
    server.begin_anew()
    try:
        with connect(server, pat1.token):
            server.sees(lambda: calls["sweep"] >= 3)
    finally:
        monkeypatch.undo()
        server.begin_anew()


def test_reading_missed_events_goes_on_after_a_defect(
    server: Server, pat1: Person, doc1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = open_clinical(pat1, doc1)
    real, failed = streams.heads, threading.Event()

    def fails_once(ids: object) -> object:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        return real(ids)  # type: ignore[arg-type]

    monkeypatch.setattr("realtime.catchup.RETRY", 0.05)
    monkeypatch.setattr(streams, "heads", fails_once)
    with connect(server, pat1.token) as client:
        say(doc1, conversation, "hello")
        assert client.next_event("message:new")["seq"] == 1
    assert failed.is_set()


def test_in_the_embedded_default_the_server_works_through_jobs_itself(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, ended = threading.Event(), threading.Event()

    def loop(stop: threading.Event) -> None:
        began.set()
        stop.wait(10)
        ended.set()

    monkeypatch.setattr(jobs, "run_loop", loop)
    server.begin_anew(embedded=True)
    assert began.wait(5)
    assert not ended.is_set()
    server.begin_anew()
    assert ended.is_set()


def test_nothing_runs_before_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifespan, "_running", None)
    with pytest.raises(RuntimeError):
        lifespan.pulse()


async def test_a_mailbox_gives_what_came_in_its_order() -> None:
    box: Mailbox[int] = Mailbox()
    reader = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    for n in range(3):
        box.put_nowait(n)
    assert [await reader, await box.get(), await box.get()] == [0, 1, 2]
    assert box.empty()


async def test_a_flag_can_be_waited_for_again_and_again() -> None:
    flag = Flag(up=True)
    await flag.wait()
    for _ in range(2):
        flag.clear()
        waiter = asyncio.ensure_future(flag.wait())
        await asyncio.sleep(0)
        assert not waiter.done()
        flag.set()
        await waiter
