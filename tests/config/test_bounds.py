"""What a request may weigh and how long it may take to arrive, before anything else looks at it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from config import bounds
from realtime import http
from tests.live import Server

pytestmark = pytest.mark.core

MiB = 1 << 20


@contextmanager
def connection_to(server: Server) -> Iterator[socket.socket]:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def everything_of_one(connection: socket.socket) -> bytes:
    """One answer, on a connection that may stay open."""
    connection.settimeout(10)
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        received += connection.recv(65536)
    return received


def problem_in(answer: bytes) -> tuple[bytes, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"no-store" in head
    problem: dict[str, Any] = orjson.loads(body)
    return head.split()[1], problem


@pytest.mark.parametrize(
    "headers",
    [[("X-Same", "a")] * 5000, [("X-Big", "a" * 65536)], [("X-Many", "a" * 400)] * 99],
    ids=["5000 headers", "one of 64 KiB", "99 that weigh too much"],
)
def test_headers_are_bounded(server: Server, headers: list[tuple[str, str]]) -> None:
    """T131."""
    answer = httpx.get(server.url + "/health/live", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (431, "too_large")


def test_the_most_headers_that_are_allowed_are_served(server: Server) -> None:
    answer = httpx.get(server.url + "/health/live", headers=[("X-Many", "a" * 300)] * 90)
    assert answer.status_code == 200


def test_ten_thousand_query_parameters_are_refused(server: Server) -> None:
    """T131."""
    query = "&".join(f"p{n}=1" for n in range(10_000))
    with connection_to(server) as connection:
        connection.sendall(f"GET /health/live?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"400", "invalid")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"HELO there\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_is_a_problem_too(server: Server, garbage: bytes) -> None:
    with connection_to(server) as connection:
        connection.sendall(garbage)
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"400", "invalid")


@pytest.mark.parametrize("hosts", ["", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"], ids=["none", "two"])
def test_a_request_names_its_host_once(server: Server, hosts: str) -> None:
    """RFC 9112, 3.2: two servers in a row must not disagree about whom a request is for."""
    with connection_to(server) as connection:
        connection.sendall(f"GET /health/live HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"400", "invalid")


def test_a_request_of_http_1_0_needs_no_host(server: Server) -> None:
    with connection_to(server) as connection:
        connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        assert everything(connection).split()[1] == b"200"


def test_a_long_address_is_refused(server: Server) -> None:
    assert httpx.get(server.url + "/" + "a" * 40_000).status_code == 431


def test_a_head_without_end_is_cut_off(server: Server) -> None:
    """T131: its lines are not collected for ever."""
    with connection_to(server) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Endless: ")
        with pytest.raises(OSError, match=r"reset|[Pp]ipe"):
            connection.sendall(b"a" * 65536 * 1000)


def test_a_head_that_is_just_too_long_is_told_so(server: Server) -> None:
    with connection_to(server) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nX-Long: " + b"a" * http.MOST_HEAD_BYTES)
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"431", "too_large")


@pytest.mark.parametrize("begun", [b"", b"GET /health/live HTTP/1.1\r\nHost:"], ids=["silent", "half a head"])
def test_a_head_that_does_not_arrive_in_time_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(http, "LONGEST_HEAD", 0.2)
    with connection_to(server) as connection:
        connection.sendall(begun)
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"408", "timeout")


def test_a_second_request_on_a_connection_has_its_own_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with connection_to(server) as connection:
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(http, "LONGEST_HEAD", 0.2)
        connection.sendall(whole[:-2])
        status, _ = problem_in(everything(connection))
    assert status == b"408"


def test_blank_lines_keep_no_idle_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may come before a request, and are none."""
    begin = http.BoundedHttp.on_message_begin

    def beginning(self: http.BoundedHttp) -> None:
        begin(self)
        self.timeout_keep_alive = 1

    monkeypatch.setattr(http.BoundedHttp, "on_message_begin", beginning)
    with connection_to(server) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert everything_of_one(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"\r\n")
        assert everything(connection) == b""


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_body_is_bounded(server: Server, chunked: bool) -> None:
    body = b'{"username": "' + b"a" * MiB + b'"}'
    content = iter([body[n : n + 65536] for n in range(0, len(body), 65536)]) if chunked else body
    answer = httpx.post(
        server.url + "/api/v1/auth/token", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_of_exactly_the_limit_is_read(server: Server) -> None:
    body = b'{"username": "' + b"a" * (MiB - 16) + b'"}'
    assert len(body) == MiB
    answer = httpx.post(server.url + "/api/v1/auth/token", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_body_that_trickles_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """T088, as far as there are bodies: what counts is the whole time, not the time between two bytes."""
    monkeypatch.setattr(bounds, "LONGEST_ARRIVAL", 0.3)
    with connection_to(server) as connection:
        connection.sendall(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
        status, problem = problem_in(everything(connection))
    assert (status, problem["code"]) == (b"408", "timeout")


def test_large_bodies_share_a_room_and_small_ones_need_none(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """T088: a client that never ends its thousand bodies fills that room, and nobody's memory."""
    monkeypatch.setattr(bounds, "MOST_LARGE_BYTES", 2 * MiB)
    head = f"POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {MiB}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connection_to(server)).sendall(head + b" " * (MiB - 1))
        server.sees(lambda: bounds._room._taken == 2 * (MiB - 1))
        with connection_to(server) as connection:
            connection.sendall(head + b" " * MiB)
            status, problem = problem_in(everything_of_one(connection))
        assert (status, problem["code"]) == (b"503", "overloaded")
        assert httpx.post(server.url + "/api/v1/auth/token", json={"username": "x"}).status_code == 400
    server.sees(lambda: bounds._room._taken == 0)


def test_an_encoded_body_is_refused(server: Server) -> None:
    answer = httpx.post(server.url + "/api/v1/auth/token", content=b"x", headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_address_that_is_not_ascii_is_refused(server: Server) -> None:
    with connection_to(server) as connection:
        connection.sendall(b"GET /health/live?x=\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        status, _ = problem_in(everything(connection))
    assert status == b"400"


# --- What a server that is laxer than uvicorn would let through -------------------------------------------------------

Message = MutableMapping[str, Any]


async def answer_to(scope: dict[str, Any], *received: Message) -> list[Message]:
    """What `bounded` sends when the application behind it answers nothing."""
    sent: list[Message] = []
    waiting = list(received)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
        sent.append({"type": "reached", "body": (await receive())["body"]})

    whole = {"type": "http", "http_version": "1.0", "path": "/", "query_string": b"", "headers": [], **scope}
    await bounds.bounded(app)(whole, receive, send)
    return sent


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"query_string": b"x=\xff"}, 400),
        ({"headers": [(b"content-length", b"9" * 5000)]}, 413),
        ({"headers": [(b"a", b"b")] * 101}, 431),
    ],
)
def test_what_breaks_a_bound_does_not_reach_the_application(scope: dict[str, Any], status: int) -> None:
    sent = asyncio.run(answer_to(scope))
    assert sent[0]["status"] == status
    assert dict(sent[0]["headers"])[b"cache-control"] == b"no-store"


@pytest.mark.no_database
def test_a_client_that_goes_away_in_the_middle_is_not_answered() -> None:
    begun = {"type": "http.request", "body": b"{", "more_body": True}
    assert asyncio.run(answer_to({}, begun, {"type": "http.disconnect"})) == []


@pytest.mark.no_database
def test_the_application_gets_the_body_in_one_piece() -> None:
    first = {"type": "http.request", "body": b"ab", "more_body": True}
    last = {"type": "http.request", "body": b"c", "more_body": False}
    assert asyncio.run(answer_to({}, first, last)) == [{"type": "reached", "body": b"abc"}]
