"""T125: a client that stops reading is dropped, costs nobody else anything, and holds no more than its buffer."""

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from pytest_django import Settings

from core.limits import Rate
from realtime.wires import HIGH_WATER
from tests.live import Server
from tests.people import Person, open_clinical
from tests.sockets import connect, raw_frame

pytestmark = pytest.mark.core

LARGE = "\N{PILE OF POO}" * 4000
"""16,000 bytes."""


@contextmanager
def deaf_client(server: Server, token: str) -> Iterator[socket.socket]:
    """Authenticated, with a small buffer, and never reading again."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", server.port))
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /ws/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        read_until(connection, b"\r\n\r\n")
        connection.sendall(raw_frame(1, json.dumps({"type": "auth", "token": token}).encode()))
        read_until(connection, b"auth_success")
        yield connection


def read_until(connection: socket.socket, end: bytes) -> None:
    received = b""
    while end not in received:
        received += connection.recv(4096)


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


@pytest.fixture(autouse=True)
def room_to_talk(settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(100_000, 60), "FRAMES": Rate(100_000, 1)}
    settings.STALL_TIMEOUT = 1.5


def test_who_stops_reading_is_dropped_and_nobody_else_waits(
    server: Server, pat1: Person, doc1: Person, c1: str
) -> None:
    with ExitStack() as stack:
        deaf = [stack.enter_context(deaf_client(server, pat1.token)) for _ in range(3)]
        reader, sender = (
            stack.enter_context(connect(server, pat1.token)),
            stack.enter_context(connect(server, doc1.token)),
        )
        most_unsent = 0
        for n in range(500):
            sender.ask("message:new", {"conversationId": c1, "content": LARGE})
            assert reader.next_event("message:new")["seq"] == n + 1
            most_unsent = max([most_unsent, *(one._wire.buffered() for one in list(server.hub.choked))])
            if len(server.hub.choked) == len(deaf) and n > 300:
                break
        # A batch of events is written whole; apart from that nothing is held for a socket.
        assert HIGH_WATER < most_unsent < HIGH_WATER + 100_000
        server.sees(lambda: server.hub.counts()["active"] == 2, timeout=10)
        sender.ask("message:new", {"conversationId": c1, "content": "still here"})
        assert reader.next_event("message:new")["data"]["content"] == "still here"


def test_who_reads_again_in_time_gets_everything_in_order(
    server: Server, settings: Settings, pat1: Person, doc1: Person, c1: str
) -> None:
    settings.STALL_TIMEOUT = 60  # in time, however slow this machine is
    with deaf_client(server, pat1.token) as connection, connect(server, doc1.token) as sender:
        sent = 0
        while not server.hub.choked:
            sender.ask("message:new", {"conversationId": c1, "content": LARGE})
            sent += 1
        for _ in range(100):
            sender.ask("message:new", {"conversationId": c1, "content": "x"})
        sent += 100
        assert seqs_read(connection, sent) == list(range(1, sent + 1))
        assert not server.hub.choked


def seqs_read(connection: socket.socket, count: int) -> list[int]:
    """The numbers of so many events, from what the server has written (RFC 6455 5.2)."""
    stream = connection.makefile("rb")
    seqs: list[int] = []
    while len(seqs) < count:
        size = stream.read(2)[1]
        size = int.from_bytes(stream.read(2 if size == 126 else 8), "big") if size >= 126 else size
        frame = json.loads(stream.read(size))
        if "seq" in frame:
            seqs.append(frame["seq"])
    return seqs


def test_who_asks_without_reading_the_answers_is_not_read_either(
    server: Server, pat1: Person, doc1: Person, c1: str
) -> None:
    """Otherwise the answers would gather in memory."""
    with connect(server, doc1.token) as sender:
        for _ in range(50):
            sender.ask("message:new", {"conversationId": c1, "content": LARGE})
    history = {"id": "h", "event": "conversation:messages", "data": {"conversationId": c1, "limit": 50}}
    with deaf_client(server, pat1.token) as connection:
        connection.setblocking(False)
        until = time.monotonic() + 20
        # Until the server neither reads nor writes any more, both directions being full.
        while time.monotonic() < until:
            try:
                connection.send(raw_frame(1, json.dumps(history).encode()) * 20)
            except BlockingIOError:
                if server.hub.choked:
                    break
                time.sleep(0.01)
        (choked,) = server.hub.choked
        assert choked._wire.buffered() < HIGH_WATER + 50 * 20_000
        server.sees(lambda: server.hub.counts()["active"] == 0, timeout=10)
