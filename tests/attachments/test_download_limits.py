"""How many downloads there may be, how slow, and how often: whoever takes a file slowly takes the server's memory."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from django.db import connection
from pytest_django import Settings

from attachments.models import Attachment
from attachments.serving import delivery
from attachments.serving.places import downloads
from attachments.storage.local import LocalStore
from core.limits import Rate
from realtime.http import BoundedHttp
from tests.attachments.filing import CHUNK, NOTE, Shelf, link_to, open_link, picture, text_of, uploaded
from tests.live import Server
from tests.messaging.talking import API, Json, answered, refused

LARGE = 200 * CHUNK


@pytest.fixture
def large(patient: httpx.Client, c1: str, shelf: Shelf) -> Json:
    return uploaded(patient, c1, text_of(LARGE))


@pytest.fixture
def sent(patient: httpx.Client, c1: str, large: Json) -> Json:
    """The same, sent to the doctor."""
    body = {"attachmentIds": [large["id"]]}
    answered(patient.post(f"{API}/conversations/{c1}/messages", json=body), 201)
    return large


@contextmanager
def unread(server: Server, url: str) -> Iterator[socket.socket]:
    """A download that has begun, and of which nothing but the beginning of its head is taken."""
    with quiet_line(server) as line:
        line.sendall(f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 200"
        yield line


@contextmanager
def quiet_line(server: Server) -> Iterator[socket.socket]:
    """A connection into which little fits that is not read."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(15)
        line.connect(("127.0.0.1", server.port))
        yield line


def begin(server: Server, lines: ExitStack, url: str, count: int) -> None:
    for _ in range(count):
        lines.enter_context(unread(server, url))


def nobody_downloads(server: Server) -> None:
    server.sees(lambda: not downloads.taken)


def test_one_person_has_six_at_once(
    server: Server, patient: httpx.Client, doctor: httpx.Client, c1: str, sent: Json
) -> None:
    """Others have theirs, and what is small needs no place: a page asks for many thumbnails at once."""
    small = uploaded(patient, c1, picture(), "a.png", "image/png")
    url = link_to(patient, sent)
    with ExitStack() as lines:
        begin(server, lines, url, downloads.most_of_one)
        seventh = open_link(patient, url)
        refused(seventh, 429, "rate_limited")
        assert int(seventh.headers["retry-after"]) == 2
        assert len(open_link(doctor, link_to(doctor, sent)).content) == LARGE
        assert open_link(patient, url, "HEAD").status_code == 200
        assert open_link(patient, url, Range=f"bytes=0-{CHUNK - 1}").status_code == 206
        refused(open_link(patient, url, Range=f"bytes=0-{CHUNK}"), 429, "rate_limited")
        assert open_link(patient, link_to(patient, small, thumbnail=True)).status_code == 200
    nobody_downloads(server)
    assert len(open_link(patient, url).content) == LARGE


def test_a_process_has_so_many_at_once(
    server: Server, patient: httpx.Client, doctor: httpx.Client, sent: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "most", 3)
    mine, theirs = link_to(patient, sent), link_to(doctor, sent)
    with ExitStack() as lines:
        begin(server, lines, mine, 3)
        answer = open_link(doctor, theirs)
        refused(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) == 2
    nobody_downloads(server)
    assert len(open_link(doctor, theirs).content) == LARGE


def test_a_download_that_does_not_begin_has_no_place(
    server: Server, patient: httpx.Client, shelf: Shelf, large: Json
) -> None:
    url = link_to(patient, large)
    shelf.object_of(large).write_bytes(b"something else")
    for _ in range(downloads.most_of_one + 1):
        refused(open_link(patient, url), 502, "integrity_error")
    nobody_downloads(server)


def test_who_takes_it_too_slowly_is_cut_off(
    server: Server, patient: httpx.Client, large: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that nobody can keep to stands for a client that is slower than the real one. It is nobody's alarm."""
    monkeypatch.setattr(delivery, "PATIENCE", 0.0)
    monkeypatch.setattr(delivery, "SLOWEST", 1 << 60)
    with httpx.Client(base_url=patient.base_url) as anybody, anybody.stream("GET", link_to(patient, large)) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    nobody_downloads(server)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int] | None]:
    """The clients whose connections have ended, as it happens."""
    found: list[tuple[str, int] | None] = []
    lose = BoundedHttp.connection_lost

    def losing(self: BoundedHttp, error: Exception | None) -> None:
        found.append(self.client)
        lose(self, error)

    monkeypatch.setattr(BoundedHttp, "connection_lost", losing)
    return found


def test_of_who_takes_nothing_no_connection_is_left(
    server: Server, patient: httpx.Client, large: Json, settings: Settings, lost: list[tuple[str, int] | None]
) -> None:
    """It would keep what was written to it for as long as its client likes, and nobody would count it any more."""
    settings.STALL_TIMEOUT = 0.2
    with unread(server, link_to(patient, large)) as line:
        server.sees(lambda: line.getsockname() in lost)


def test_nor_when_the_answer_is_finished(
    server: Server,
    patient: httpx.Client,
    large: Json,
    settings: Settings,
    lost: list[tuple[str, int] | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it is written, nobody writes any more, and so nobody would notice that it is never read."""
    settings.STALL_TIMEOUT = 0.2
    finished = threading.Event()
    left: list[int] = []
    complete = BoundedHttp.on_response_complete

    def completing(self: BoundedHttp) -> None:
        complete(self)
        self.loop.call_later(0.01, look, self)  # what the kernel takes, it has taken by then

    def look(self: BoundedHttp) -> None:
        left.append(self.transport.get_write_buffer_size())
        finished.set()

    monkeypatch.setattr(BoundedHttp, "on_response_complete", completing)
    url = link_to(patient, large)
    with quiet_line(server) as line:
        while not any(left):
            finished.clear()
            line.sendall(f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-39999\r\n\r\n".encode())
            assert finished.wait(15)
        server.sees(lambda: line.getsockname() in lost)


@pytest.mark.parametrize("path", ["/ws/chat", "/ws/other"])
def test_an_upgrade_in_the_middle_of_an_answer_ends_both(
    server: Server, patient: httpx.Client, large: Json, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has become a socket tells whoever sent the answer neither that it is taken nor that its client has gone."""
    waits, pause = threading.Event(), BoundedHttp.pause_writing

    def pausing(self: BoundedHttp) -> None:
        pause(self)
        waits.set()

    monkeypatch.setattr(BoundedHttp, "pause_writing", pausing)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2"
    with unread(server, link_to(patient, large)) as line:
        assert waits.wait(15)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade}\r\n\r\n".encode())
        nobody_downloads(server)


def test_time_in_which_nobody_waits_for_the_client_does_not_count(
    patient: httpx.Client, large: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow storage is not blamed on who downloads."""
    monkeypatch.setattr(delivery, "PATIENCE", 0.2)
    monkeypatch.setattr(delivery, "SLOWEST", 1 << 60)
    read, pause = LocalStore._get, threading.Event()

    def slow(self: LocalStore, key: str, start: int, stop: int) -> bytes:
        pause.wait(0.02)
        return read(self, key, start, stop)

    monkeypatch.setattr(LocalStore, "_get", slow)
    assert len(open_link(patient, link_to(patient, large)).content) == LARGE


def test_a_cut_off_answer_is_no_alarm(
    server: Server, patient: httpx.Client, large: Json, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STALL_TIMEOUT = 0.2
    with unread(server, link_to(patient, large)):
        nobody_downloads(server)
    server.run(_nothing())
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def _nothing() -> None:
    """Whatever the loop still had to do is done when this is."""


def test_little_is_read_ahead(
    server: Server, patient: httpx.Client, large: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of somebody who takes nothing there are a few hundred KiB in memory, not more of the file."""
    asked: list[tuple[int, int]] = []
    read = LocalStore._get

    def watched(self: LocalStore, key: str, start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return read(self, key, start, stop)

    monkeypatch.setattr(LocalStore, "_get", watched)
    with unread(server, link_to(patient, large)):
        assert open_link(patient, link_to(patient, large), Range="bytes=0-0").status_code == 206
    assert max(stop - start for start, stop in asked) <= 4 * CHUNK


def test_links_are_used_so_often_and_nothing_else_suffers(
    patient: httpx.Client, c1: str, shelf: Shelf, settings: Settings
) -> None:
    """HEAD counts too; what else the person asks does not, and whoever has a leaked link cannot use that up."""
    made = uploaded(patient, c1)
    url = link_to(patient, made)
    settings.LIMITS = {**settings.LIMITS, "DOWNLOAD": Rate(3, 60)}
    assert open_link(patient, url).content == NOTE
    assert open_link(patient, url, "HEAD").status_code == 200
    assert open_link(patient, url, Range="bytes=0-0").status_code == 206
    answer = open_link(patient, url)
    refused(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) > 0
    assert answered(patient.get(f"{API}/attachments/{made['id']}")) == made


def in_all_threads(work: Callable[[], object]) -> list[object]:
    """What this gives in each thread of downloads."""
    together = threading.Barrier(delivery._THREADS)

    def one() -> object:
        together.wait(15)
        return work()

    return [future.result() for future in [delivery._pool().submit(one) for _ in range(delivery._THREADS)]]


def test_no_thread_of_downloads_keeps_a_connection(
    patient: httpx.Client, c1: str, shelf: Shelf, large: Json, settings: Settings
) -> None:
    """The pool of connections is as large as the threads that use it; these are others."""
    settings.SWEEP_INTERVAL = 0
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    urls = [link_to(patient, large), link_to(patient, made, thumbnail=True)]
    for url in urls * 3:
        assert open_link(patient, url).status_code == 200
    shelf.object_of(large).write_bytes(b"something else")
    refused(open_link(patient, urls[0]), 502, "integrity_error")
    assert in_all_threads(lambda: connection.connection) == [None] * delivery._THREADS
    assert Attachment.objects.count() == 2
