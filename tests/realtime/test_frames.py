"""What clients send once they are in: good, bad, too much, too large, too often."""

import json
import os
import socket
import struct
import time
from contextlib import ExitStack, suppress
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from audit.models import Entry
from core import doors
from core.doors import Receives
from core.errors import AuditUnavailable
from core.limits import Rate
from messaging.models import Message
from tests.live import Server
from tests.people import Person, open_clinical
from tests.sockets import Client, Refusal, connect, raw_frame, send_raw

pytestmark = pytest.mark.core


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


def resident_kib() -> int:
    """What this process, the server in it, holds in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def still_answers(client: Client) -> bool:
    return bool(client.ask_raw("nothing:known", {})["error"]["code"] == "unknown_event")


def test_a_reply_names_what_it_answers(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        client.send({"id": "first", "event": "message:new", "data": {"conversationId": c1, "content": "hello"}})
        reply = client.next_frame_where(lambda frame: "replyTo" in frame)
        assert (reply["replyTo"], reply["data"]["content"], reply["data"]["seq"]) == ("first", "hello", 1)


def test_without_an_id_there_is_no_reply_but_errors_are_said(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        client.send({"event": "message:new", "data": {"conversationId": c1, "content": "hello"}})
        assert client.next_event("message:new")["data"]["content"] == "hello"
        client.nothing_arrives()
        client.send({"event": "message:new", "data": {"conversationId": c1}})
        error = client.next_frame()
        assert (error["replyTo"], error["error"]["code"]) == (None, "invalid")


def test_the_sends_of_one_client_get_their_numbers_in_order(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        for n in range(40):
            client.send({"id": f"n{n}", "event": "message:new", "data": {"conversationId": c1, "content": f"m {n}"}})
        events = [client.next_event("message:new") for _ in range(40)]
        assert [(event["seq"], event["data"]["content"]) for event in events] == [(n + 1, f"m {n}") for n in range(40)]


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "{}",
        "17",
        "x",
        '{"type": "ping", "event": "x"}',
        '{"type": 1e999}',
        '{"type": NaN}',
        '{"event": "x", "data": ' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"event": "x", "data": ' + "9" * 60_000 + "}",
    ],
)
def test_what_is_no_frame_closes(server: Server, pat1: Person, frame: str) -> None:
    """T029."""
    with connect(server, pat1.token) as client:
        client.send(frame)
        assert client.closed_with() == 4400


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"event": "__proto__", "data": {}}, "unknown_event"),
        ({"event": "constructor"}, "unknown_event"),
        ({"event": 7}, "unknown_event"),
        ({"event": "conversation:create", "data": {}}, "unknown_event"),
        ({"event": "message:new", "data": {"__proto__": {}}}, "unknown_field"),
        ({"event": "message:new", "data": []}, "invalid"),
        ({"event": "message:new", "data": "text"}, "invalid"),
        ({"event": "message:new", "data": None}, "invalid"),
        ({"event": "message:new", "data": {}, "more": 1}, "unknown_field"),
        ({"event": "message:new", "data": {}, "id": 7}, "invalid"),
        ({"event": "message:new", "data": {}, "id": "x" * 65}, "invalid"),
        ({"type": "unheard-of"}, "unknown_event"),
        ({"type": "resume"}, "invalid"),
        ({"type": "resume", "epoch": "x", "cursors": {"x": 1}}, "invalid"),
        ({"type": "resume", "epoch": "x", "cursors": {str(uuid4()): -1}}, "invalid"),
        ({"type": "resume", "epoch": "x", "cursors": {str(uuid4()): True}}, "invalid"),
        ({"type": "resume", "epoch": "x", "cursors": {str(uuid4()): 1.5}}, "invalid"),
        ({"type": "resume", "epoch": 1, "cursors": {}}, "invalid"),
    ],
)
def test_what_is_wrong_in_a_frame_is_said_and_the_socket_stays(
    server: Server, pat1: Person, frame: dict[str, Any], code: str
) -> None:
    with connect(server, pat1.token) as client:
        client.send(frame)
        error = client.next_frame()
        assert (error["replyTo"], error["error"]["code"]) == (None, code)
        assert still_answers(client)


def test_half_a_surrogate_pair_is_an_error_and_the_socket_stays(server: Server, pat1: Person, c1: str) -> None:
    """T068."""
    with connect(server, pat1.token) as client:
        client.send(
            '{"id": "c1", "event": "message:new", "data": {"conversationId": "' + c1 + '", "content": "\\ud800"}}'
        )
        reply = client.next_frame()
        assert (reply["replyTo"], reply["error"]["code"]) == ("c1", "invalid_text")
        assert still_answers(client)


def test_the_twentieth_mistake_in_a_row_closes(server: Server, pat1: Person) -> None:
    """T031."""
    with connect(server, pat1.token) as client:
        for n in range(20):
            client.send({"id": f"x{n}", "event": "nothing:known"})
        for n in range(20):
            reply = client.next_frame()
            assert (reply["replyTo"], reply["error"]["code"]) == (f"x{n}", "unknown_event")
        assert client.closed_with() == 4400


def test_a_sensible_request_ends_the_row(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        for _ in range(3):
            for _ in range(15):
                client.ask_raw("nothing:known", {})
            client.ask("conversation:events", {"conversationId": c1, "after": 0})
        assert still_answers(client)


def test_binary_frames_are_refused(server: Server, pat1: Person) -> None:
    """T028."""
    with connect(server, pat1.token) as client:
        client.send(b'{"type": "ping"}')
        assert client.closed_with() == 1003


def test_text_that_is_not_utf8_is_refused(server: Server, pat1: Person) -> None:
    """T028."""
    with connect(server, pat1.token) as client:
        send_raw(client, raw_frame(1, b"\xc3\x28"))
        assert client.closed_with() == 1007


def test_the_largest_frame_is_taken_and_a_byte_more_is_not(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token) as client:
        frame = json.dumps({"id": "c1", "event": "nothing:known", "data": {"x": ""}})
        client.send(frame.replace('""', '"' + "y" * (65_536 - len(frame)) + '"'))
        assert client.next_frame()["error"]["code"] == "unknown_event"
        client.send(frame.replace('""', '"' + "y" * (65_537 - len(frame)) + '"'))
        assert client.closed_with() == 1009


def test_a_huge_frame_is_refused_before_it_has_arrived(server: Server, pat1: Person) -> None:
    """T026."""
    with connect(server, pat1.token) as client:
        before = resident_kib()
        send_raw(client, struct.pack("!BBQ", 0x81, 0xFF, (16 << 20) + 1) + b"\0\0\0\0" + b"x" * 100_000)
        assert client.closed_with() == 1009
        assert resident_kib() - before < 4096


@pytest.mark.parametrize("piece", [b"x", b""])
def test_a_message_in_endless_pieces_is_refused(server: Server, pat1: Person, piece: bytes) -> None:
    """T027: also when the pieces are empty and no size limit can count them."""
    with connect(server, pat1.token) as client:
        send_raw(client, raw_frame(1, piece, fin=False) + raw_frame(0, piece, fin=False) * 100_000)
        assert client.closed_with() == 1009


def test_a_message_in_a_few_pieces_is_taken(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token) as client:
        client.connection.send(iter(['{"id": "c1", ', '"event": ', '"nothing:known"}']))
        assert client.next_frame()["replyTo"] == "c1"


def test_a_client_may_ping_and_is_answered_both_ways(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token) as client:
        client.send({"type": "ping"})
        assert client.next_frame() == {"type": "pong"}
        assert client.connection.ping().wait(5)


@pytest.mark.parametrize("ping", [b'{"type": "ping"}', None])
def test_ten_thousand_pings_a_second_are_a_flood(
    server: Server, pat1: Person, doc1: Person, ping: bytes | None
) -> None:
    """T038: of the protocol's own kind and of the WebSocket layer's."""
    frame = raw_frame(1, ping) if ping else raw_frame(9, b"x")
    with connect(server, doc1.token) as other, connect(server, pat1.token) as client:
        send_raw(client, frame * 10_000)
        assert client.closed_with() == 4429
        assert still_answers(other)


def test_frames_beyond_the_rate_are_refused_with_a_time_to_wait(
    server: Server, pat1: Person, settings: Settings
) -> None:
    settings.LIMITS = settings.LIMITS | {"FRAMES": Rate(10, 3600)}
    with connect(server, pat1.token) as client:
        for n in range(15):
            client.send({"id": f"x{n}", "event": "nothing:known"})
        replies = [client.next_frame() for _ in range(15)]
        # The token was the first of the ten.
        assert [reply["error"]["code"] for reply in replies] == ["unknown_event"] * 9 + ["rate_limited"] * 6
        assert replies[-1]["replyTo"] == "x14"
        assert replies[-1]["error"]["retryAfterMs"] > 0


def test_a_limit_refuses_then_closes_at_five_times_its_rate(
    server: Server, pat1: Person, c1: str, settings: Settings
) -> None:
    """T126, with a bucket of 4 in place of 60: stored is exactly what was acknowledged."""
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(4, 3600)}
    with connect(server, pat1.token) as client:
        for _ in range(30):
            client.send({"id": "x", "event": "message:new", "data": {"conversationId": c1, "content": "x"}})
        assert client.closed_with() == 4429
        replies = [frame for frame in client.kept() if "replyTo" in frame]
        codes = [reply.get("error", {}).get("code") for reply in replies]
        assert codes == [None] * 4 + ["rate_limited"] * 16
        assert all(reply["error"]["retryAfterMs"] > 0 for reply in replies[4:])
    assert Message.objects.count() == 4


def test_the_sockets_of_one_person_share_a_limit(server: Server, pat1: Person, c1: str, settings: Settings) -> None:
    """T127."""
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(6, 3600)}
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server, pat1.token)) for _ in range(3)]
        data = {"conversationId": c1, "content": "x"}
        replies = [client.ask_raw("message:new", data) for _ in range(4) for client in clients]
    assert sum("data" in reply for reply in replies) == 6


def test_a_refusal_is_written_down_before_it_is_answered(server: Server, doc1: Person, out1: Person, c1: str) -> None:
    """T039: and says no more than a random id gets."""
    with connect(server, out1.token) as client:
        strange = client.ask_raw("conversation:events", {"conversationId": c1, "after": 0})["error"]
        random = client.ask_raw("conversation:events", {"conversationId": str(uuid4()), "after": 0})["error"]
        assert strange == random
        assert strange["code"] == "not_found"
        assert Entry.objects.filter(action="access.denied", actor=out1.id).count() == 2


def test_a_refusal_that_cannot_be_written_down_is_not_answered_as_one(
    server: Server, out1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise AuditUnavailable

    monkeypatch.setattr(doors, "record_refusal", broken)
    with connect(server, out1.token) as client, pytest.raises(Refusal) as refusal:
        client.ask("message:edit", {"messageId": str(uuid4()), "content": "x"})
    assert refusal.value.code == "audit_unavailable"


def test_a_defect_in_a_request_closes_with_1011_and_no_details(
    server: Server, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("canary-4410")

    monkeypatch.setattr(Receives, "perform", broken)
    with connect(server, pat1.token) as client:
        client.send({"id": "c1", "event": "message:read", "data": {"conversationId": c1, "seq": 1}})
        assert client.closed_with() == 1011
    assert "ZeroDivisionError" in caplog.text
    assert "canary-4410" not in caplog.text


def test_the_server_asks_for_signs_of_life_and_names_the_heads(
    server: Server, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    settings.HEARTBEAT = 0.4
    with connect(server, pat1.token) as client, connect(server, doc1.token) as provider:
        provider.ask("message:new", {"conversationId": c1, "content": "hello"})
        ping = client.next_frame_where(lambda frame: frame.get("type") == "ping" and frame["heads"] != {})
        assert ping["heads"] == {c1: 1}
        client.send({"type": "pong"})
        quiet = client.next_frame_where(lambda frame: frame.get("type") == "ping")
        assert quiet["heads"] == {}


def test_who_gives_no_sign_of_life_is_dropped(server: Server, pat1: Person, settings: Settings) -> None:
    settings.HEARTBEAT, settings.HEARTBEAT_TIMEOUT = 0.3, 1.0
    with connect(server, pat1.token) as client:
        assert client.closed_with() == 1006


def test_a_frame_that_never_ends_is_no_sign_of_life(server: Server, pat1: Person, settings: Settings) -> None:
    """T027: one byte now and then."""
    settings.HEARTBEAT, settings.HEARTBEAT_TIMEOUT = 0.3, 1.0
    with connect(server, pat1.token) as client:
        send_raw(client, raw_frame(1, b"x" * 100)[:20])
        with pytest.raises(ConnectionClosed):
            drip(client)


def drip(client: Client) -> None:
    """A byte every tenth of a second, too few in all to end the frame."""
    for _ in range(50):
        send_raw(client, b"x")
        with suppress(TimeoutError):
            client.next_frame(0.1)


@pytest.mark.parametrize("sign", [{"type": "pong"}, {"type": "ping"}])
def test_signs_of_life_keep_a_quiet_socket(
    server: Server, pat1: Person, settings: Settings, sign: dict[str, str]
) -> None:
    settings.HEARTBEAT, settings.HEARTBEAT_TIMEOUT = 0.2, 0.8
    with connect(server, pat1.token) as client:
        until = time.monotonic() + 1.6
        while time.monotonic() < until:
            client.next_frame_where(lambda frame: frame.get("type") == "ping")
            client.send(sign)
        assert still_answers(client)


def test_a_socket_without_any_use_is_closed(server: Server, pat1: Person, settings: Settings) -> None:
    settings.HEARTBEAT, settings.IDLE_TIMEOUT = 0.2, 0.7
    with connect(server, pat1.token) as client:
        with pytest.raises(ConnectionClosed) as closed:
            answer_pings(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4440


def answer_pings(client: Client) -> None:
    while client.next_frame():
        client.send({"type": "pong"})


def test_deliveries_are_a_use(server: Server, pat1: Person, doc1: Person, c1: str, settings: Settings) -> None:
    settings.IDLE_TIMEOUT = 3.0
    with connect(server, pat1.token) as client, connect(server, doc1.token) as provider:
        for n in range(5):
            provider.ask("message:new", {"conversationId": c1, "content": str(n)})
            assert client.next_event("message:new")["seq"] == n + 1
            time.sleep(0.75)  # the passing of time is what is tested


def test_a_connection_that_is_cut_leaves_nothing_behind(server: Server, pat1: Person) -> None:
    client = connect(server, pat1.token)
    assert server.hub.counts()["active"] == 1
    raw: socket.socket = client.connection.socket
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    server.sees(lambda: server.hub.counts()["active"] == 0)
    client.close()
