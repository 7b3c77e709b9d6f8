"""Coming back: exactly what was missed, in order, then live; from the window and from the database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from audit.models import Detail, Entry
from core.errors import AuditUnavailable, DatabaseUnavailable
from core.limits import Rate
from realtime import catchup, streams
from realtime.hub import Hub
from tests.live import Server
from tests.messaging.talking import say
from tests.people import Person, open_clinical
from tests.sockets import Client, Frame, connect

pytestmark = pytest.mark.core


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


def until_resumed(client: Client) -> tuple[list[Frame], Frame]:
    """What comes before `resumed`, and `resumed`."""
    frames: list[Frame] = []
    while (frame := client.next_frame()).get("type") != "resumed":
        frames.append(frame)
    return frames, frame


def test_what_was_missed_comes_in_order_and_then_resumed(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    """T116, small."""
    say(doc1, c1, *(f"m {n}" for n in range(1, 11)))
    with connect(server, pat1.token) as first:
        epoch = first.hello["epoch"]
    with connect(server, pat1.token, resume={"epoch": epoch, "cursors": {c1: 4}}) as client:
        frames, resumed = until_resumed(client)
        assert [(frame["seq"], frame["data"]["content"]) for frame in frames] == [(n, f"m {n}") for n in range(5, 11)]
        assert resumed == {"type": "resumed", "heads": {c1: 10}}
        say(doc1, c1, "live")
        assert client.next_event("message:new")["seq"] == 11


def test_a_replay_shows_events_as_the_live_frame_did(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    with connect(server, pat1.token) as live:
        say(doc1, c1, "K<3.5 and Na>145")
        frame = live.next_event("message:new")
        with connect(server, pat1.token, resume={"epoch": live.hello["epoch"], "cursors": {c1: 0}}) as later:
            from_window, _ = until_resumed(later)
    with connect(server, pat1.token, resume={"epoch": live.hello["epoch"], "cursors": {c1: 0}}) as later:
        from_database, _ = until_resumed(later)
    assert [frame] == from_window == from_database
    assert frame["data"]["content"] == "K<3.5 and Na>145"


def test_nothing_missed_is_an_empty_replay(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    say(doc1, c1, "one")
    with connect(server, pat1.token) as first:
        epoch = first.hello["epoch"]
    with connect(server, pat1.token, resume={"epoch": epoch, "cursors": {c1: 1}}) as client:
        assert until_resumed(client) == ([], {"type": "resumed", "heads": {c1: 1}})


def test_a_conversation_without_a_cursor_is_only_named(
    server: Server, pat1: Person, doc1: Person, doc2: Person, c1: str
) -> None:
    other = open_clinical(pat1, doc2)
    say(doc1, c1, "one")
    say(doc2, other, "two")
    with connect(server, pat1.token) as first:
        epoch = first.hello["epoch"]
    with connect(server, pat1.token, resume={"epoch": epoch, "cursors": {other: 0}}) as client:
        frames, resumed = until_resumed(client)
        assert [frame["conversationId"] for frame in frames] == [other]
        assert resumed["heads"] == {c1: 1, other: 1}


def test_another_epoch_means_loading_everything_again(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    """T118."""
    say(doc1, c1, "one")
    with connect(server, pat1.token, resume={"epoch": str(uuid4()), "cursors": {c1: 0}}) as client:
        frames, resumed = until_resumed(client)
        assert frames == [{"type": "resync", "conversationId": c1, "reason": "unknown_epoch"}]
        assert resumed["heads"] == {c1: 1}
        say(doc1, c1, "two")
        assert client.next_event("message:new")["seq"] == 2


@pytest.mark.parametrize("cursor", [6, 2**63, 2**64 - 1])
def test_a_cursor_above_the_head_means_loading_again(
    server: Server, pat1: Person, doc1: Person, c1: str, cursor: int
) -> None:
    """T117."""
    say(doc1, c1, "one")
    with connect(server, pat1.token) as client:
        client.send({"type": "resume", "epoch": client.hello["epoch"], "cursors": {c1: cursor}})
        frames, _ = until_resumed(client)
        assert frames == [{"type": "resync", "conversationId": c1, "reason": "cursor_above_head"}]


def test_somebody_elses_conversation_is_neither_replayed_nor_named(
    server: Server, pat2: Person, doc1: Person, c1: str
) -> None:
    """T117: exactly like one that does not exist."""
    say(doc1, c1, "secret")
    with connect(server, pat2.token) as client:
        for unknown in (c1, str(uuid4())):
            client.send({"type": "resume", "epoch": client.hello["epoch"], "cursors": {unknown: 0}})
            assert until_resumed(client) == ([], {"type": "resumed", "heads": {}})
        say(doc1, c1, "another secret")
        client.nothing_arrives()


def test_many_conversations_come_page_by_page(server: Server, doc1: Person, pat1: Person, c1: str) -> None:
    """T117: more cursors than one frame could hold come in further frames."""
    say(pat1, c1, *(str(n) for n in range(30)))
    with connect(server, doc1.token) as client:
        epoch = client.hello["epoch"]
        strangers = {str(uuid4()): 5 for _ in range(1200)}
        client.send({"type": "resume", "epoch": epoch, "cursors": strangers})
        assert until_resumed(client) == ([], {"type": "resumed", "heads": {c1: 30}})
        client.send({"type": "resume", "epoch": epoch, "cursors": {c1: 10}})
        frames, _ = until_resumed(client)
        assert [frame["seq"] for frame in frames] == list(range(11, 31))


def test_more_than_the_window_comes_from_the_database(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    """T116: more than two pages, and the live events behind them."""
    say(doc1, c1, *(f"m {n}" for n in range(420)))
    with connect(server, doc1.token) as sender:
        epoch = sender.hello["epoch"]
        with connect(server, pat1.token, resume={"epoch": epoch, "cursors": {c1: 0}}) as client:
            for n in range(5):
                sender.ask("message:new", {"conversationId": c1, "content": f"live {n}"})
            events = [client.next_event("message:new", timeout=20) for _ in range(425)]
    assert [event["seq"] for event in events] == list(range(1, 426))


@contextmanager
def nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the thread that committed died before it could speak."""
    with monkeypatch.context() as patch:
        patch.setattr(Hub, "publish", lambda *args: None)
        yield


def test_an_event_that_nobody_announced_comes_with_the_next_one(
    server: Server, pat1: Person, doc1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server, pat1.token) as client:
        with nobody_is_told(monkeypatch):
            say(doc1, c1, "unheard")
        say(doc1, c1, "heard")
        assert [client.next_event("message:new")["data"]["content"] for _ in range(2)] == ["unheard", "heard"]


def test_an_event_that_nobody_announced_comes_with_the_heartbeat(
    server: Server, pat1: Person, doc1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(server, pat1.token) as client:
        with nobody_is_told(monkeypatch):
            say(doc1, c1, "unheard")
        server.compare_heads()
        assert client.next_event("message:new")["data"]["content"] == "unheard"


def test_a_replay_waits_while_the_database_is_away(
    server: Server, pat1: Person, doc1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(doc1, c1, "one")
    monkeypatch.setattr(catchup, "RETRY", 0.05)
    tries: list[int] = []
    real = streams.read

    def away_at_first(*args: Any) -> Any:
        tries.append(1)
        if len(tries) < 4:
            raise DatabaseUnavailable
        return real(*args)

    monkeypatch.setattr(streams, "read", away_at_first)
    with connect(server, pat1.token) as client:
        client.send({"type": "resume", "epoch": client.hello["epoch"], "cursors": {c1: 0}})
        frames, _ = until_resumed(client)
    assert [frame["seq"] for frame in frames] == [1]
    assert len(tries) == 4


def test_a_defect_in_a_replay_closes_that_socket_alone(
    server: Server, pat1: Person, doc1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(doc1, c1, "one")

    def broken(*args: object) -> None:
        raise ZeroDivisionError("canary-2210")

    with connect(server, pat1.token) as client, connect(server, doc1.token) as other:
        monkeypatch.setattr(streams, "frames", broken)
        client.send({"type": "resume", "epoch": client.hello["epoch"], "cursors": {c1: 0}})
        assert client.closed_with() == 1011
        assert other.ask_raw("nothing:known", {})["error"]["code"] == "unknown_event"


def test_twenty_senders_are_seen_in_the_same_order_by_everybody(
    server: Server, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    """T119 and T120, with as many sockets as two people may have."""
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(10_000, 60), "FRAMES": Rate(10_000, 1)}
    senders = [connect(server, person.token) for person in (pat1, doc1) for _ in range(8)]
    readers = [connect(server, person.token) for person in (pat1, doc1)]
    try:
        for n in range(20):
            for place, sender in enumerate(senders):
                request = {"id": "x", "event": "message:new", "data": {"conversationId": c1, "content": f"{place} {n}"}}
                sender.send(json.dumps(request))
        orders = []
        for client in [*readers, *senders]:
            events = [client.next_event("message:new", timeout=20) for _ in range(20 * len(senders))]
            assert [event["seq"] for event in events] == list(range(1, 20 * len(senders) + 1))
            orders.append([event["data"]["content"] for event in events])
        assert all(order == orders[0] for order in orders)
        for place in range(len(senders)):
            own = [content for content in orders[0] if content.startswith(f"{place} ")]
            assert own == [f"{place} {n}" for n in range(20)]
    finally:
        for client in [*senders, *readers]:
            client.close()


def test_a_replay_is_in_the_audit_log_as_the_range_it_showed(
    server: Server, pat1: Person, doc1: Person, c1: str
) -> None:
    say(doc1, c1, "one", "two", "three")
    with connect(server, pat1.token) as first:
        epoch = first.hello["epoch"]
    assert not Entry.objects.filter(action="messages.viewed").exists(), "what is handed on live is no reading"
    with connect(server, pat1.token, resume={"epoch": epoch, "cursors": {c1: 1}}) as client:
        until_resumed(client)
        entry = Entry.objects.get(action="messages.viewed")
        assert (entry.actor, str(entry.conv)) == (pat1.id, c1)
        assert Detail.objects.get(entry=entry.id).payload() == {"from_seq": 2, "to_seq": 3}
        client.send({"type": "resume", "epoch": epoch, "cursors": {c1: 3}})
        until_resumed(client)
    assert Entry.objects.filter(action="messages.viewed").count() == 1, "nothing was shown the second time"


def test_what_cannot_be_recorded_is_not_replayed(
    server: Server, pat1: Person, doc1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(doc1, c1, "one")
    with connect(server, pat1.token) as client:
        monkeypatch.setattr("audit.writer.writer._store", _unwritable)
        client.send({"type": "resume", "epoch": client.hello["epoch"], "cursors": {c1: 0}})
        assert client.next_frame()["error"]["code"] == "audit_unavailable"
        client.nothing_arrives()
        with connect(server) as late:
            late.send(
                {"type": "auth", "token": pat1.token, "resume": {"epoch": client.hello["epoch"], "cursors": {c1: 0}}}
            )
            assert late.closed_with() == 1013


def _unwritable(drafts: object) -> None:
    raise AuditUnavailable


def test_two_resumes_at_once_are_answered_one_after_the_other(
    server: Server, pat1: Person, doc1: Person, doc2: Person, c1: str
) -> None:
    other = open_clinical(pat1, doc2)
    say(doc1, c1, "one", "two")
    say(doc2, other, "three")
    with connect(server, pat1.token) as client:
        epoch = client.hello["epoch"]
        client.send({"type": "resume", "epoch": epoch, "cursors": {c1: 0}})
        client.send({"type": "resume", "epoch": epoch, "cursors": {other: 0}})
        first, _ = until_resumed(client)
        second, _ = until_resumed(client)
    assert [(frame["conversationId"], frame["seq"]) for frame in first] == [(c1, 1), (c1, 2)]
    assert [(frame["conversationId"], frame["seq"]) for frame in second] == [(other, 1)]


def test_resuming_counts_like_a_request(server: Server, pat1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REQUEST": Rate(2, 3600)}
    with connect(server, pat1.token) as client:
        for _ in range(2):
            client.send({"type": "resume", "epoch": "x", "cursors": {}})
            assert until_resumed(client)[0] == []
        client.send({"type": "resume", "epoch": "x", "cursors": {}})
        assert client.next_frame()["error"]["code"] == "rate_limited"
