"""Receipts come in bursts: the first is told at once, then the furthest of each half second."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from realtime import announce, coalescing
from realtime.coalescing import WINDOW, Coalescing, Progress
from tests.live import Server
from tests.messaging.talking import open_room, say
from tests.people import Person, client_for, open_clinical
from tests.sockets import Client, connect

pytestmark = pytest.mark.core


class Timers:
    """As much of an event loop as is needed: what comes from threads happens at once, and time passes when told."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, action: Callable[[], None]) -> None:
        action()

    def call_later(self, seconds: float, action: Callable[..., None], *args: Any) -> None:
        assert seconds == WINDOW
        self.waiting.append(lambda: action(*args))

    def pass_window(self) -> None:
        due, self.waiting = self.waiting, []
        for action in due:
            action()


class Merged:
    """A coalescer without a server, and what it has said."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.timers = Timers()
        self.coalescing = Coalescing(self.said.append)
        self.bind()

    def bind(self) -> None:
        self.coalescing.bind(cast(asyncio.AbstractEventLoop, self.timers))

    def put(self, what: str, *seqs: int) -> None:
        for seq in seqs:
            self.coalescing.put(Progress(what, seq, (f"{what}{seq}",)))


@pytest.fixture
def merged() -> Merged:
    return Merged()


@pytest.mark.no_database
def test_the_first_is_said_at_once_and_the_furthest_of_the_rest_half_a_second_later(merged: Merged) -> None:
    merged.put("a", 1, 2, 5, 3)
    assert merged.said == ["a1"]
    merged.timers.pass_window()
    assert merged.said == ["a1", "a5"]


@pytest.mark.no_database
def test_it_is_never_said_more_often_than_twice_a_second(merged: Merged) -> None:
    for window in range(5):
        merged.put("a", *range(10 * window + 1, 10 * window + 11))
        merged.timers.pass_window()
    assert merged.said == ["a1", "a10", "a20", "a30", "a40", "a50"]


@pytest.mark.no_database
def test_after_a_quiet_window_the_next_is_said_at_once(merged: Merged) -> None:
    merged.put("a", 1)
    merged.timers.pass_window()
    merged.put("a", 2)
    assert merged.said == ["a1", "a2"]


@pytest.mark.no_database
def test_what_comes_late_takes_nothing_back(merged: Merged) -> None:
    """Two threads commit 4 and 5, and 5 speaks first."""
    merged.put("a", 5, 4, 5)
    merged.timers.pass_window()
    assert merged.said == ["a5"]
    assert merged.timers.waiting == [], "nothing is kept of who is quiet"


@pytest.mark.no_database
def test_each_keeps_its_own_pace(merged: Merged) -> None:
    merged.put("a", 1, 2)
    merged.put("b", 1)
    assert merged.said == ["a1", "b1"]
    merged.timers.pass_window()
    assert merged.said == ["a1", "b1", "a2"]


@pytest.mark.no_database
def test_memory_is_bounded_and_nothing_is_lost(merged: Merged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescing, "MOST", 2)
    merged.put("a", 1)
    merged.put("b", 1)
    merged.put("c", 1, 2, 3)
    assert merged.said == ["a1", "b1", "c1", "c2", "c3"]
    assert len(merged.timers.waiting) == 2


@pytest.mark.no_database
def test_timers_of_before_a_restart_end_no_window_of_after_it(merged: Merged) -> None:
    merged.put("a", 1)
    merged.bind()
    merged.put("a", 2, 3)
    merged.timers.waiting[0]()
    assert merged.said == ["a1", "a2"]
    merged.timers.pass_window()
    assert merged.said == ["a1", "a2", "a3"]


@pytest.mark.no_database
def test_without_sockets_nothing_is_said() -> None:
    said: list[Any] = []
    Coalescing(said.append).put(Progress("a", 1, (1,)))
    assert said == []


@pytest.fixture
def timers(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timers]:
    """The live server's windows end when the test says so."""
    timers = Timers()
    monkeypatch.setattr(announce.coalescing, "_loop", timers)
    yield timers
    end_windows(server, timers)


def end_windows(server: Server, timers: Timers) -> None:
    async def on_the_loop() -> None:
        timers.pass_window()

    server.run(on_the_loop())


def mark(client: Client, conversation_id: str, kind: str, *seqs: int) -> None:
    for seq in seqs:
        client.ask(f"message:{kind}", {"conversationId": conversation_id, "seq": seq})


def told(client: Client, kind: str) -> int:
    seq: int = client.next_event(f"message:{kind}")["data"]["seq"]
    return seq


def test_who_reads_on_is_told_of_twice(server: Server, timers: Timers, pat1: Person, doc1: Person) -> None:
    c1 = open_clinical(pat1, doc1)
    say(pat1, c1, *(str(n) for n in range(10)))
    with connect(server, pat1.token) as other, connect(server, doc1.token) as reader:
        mark(reader, c1, "delivered", 10)
        mark(reader, c1, "read", 1, 2, 7, 3, 6)
        assert told(other, "delivered") == 10, "the kinds do not wait for each other"
        assert told(other, "read") == 1
        other.nothing_arrives()
        end_windows(server, timers)
        for client in (other, reader):
            while (seq := told(client, "read")) == 1:
                pass
            assert seq == 7
        other.nothing_arrives()


def test_who_was_removed_meanwhile_is_told_no_more(
    server: Server, timers: Timers, pat1: Person, doc1: Person, doc2: Person
) -> None:
    room = open_room(doc1, pat1, doc2)
    say(doc1, room, "1", "2")
    with (
        client_for(doc1, server) as owner,
        connect(server, pat1.token) as removed,
        connect(server, doc1.token) as other,
        connect(server, doc2.token) as reader,
    ):
        mark(reader, room, "read", 1, 2)
        assert told(removed, "read") == told(other, "read") == 1
        assert owner.delete(f"/api/v1/conversations/{room}/members/{pat1.id}").status_code == 204
        removed.next_event("member:left")
        removed.next_event("conversation:removed")
        end_windows(server, timers)
        assert told(other, "read") == 2
        removed.nothing_arrives(0.1)
