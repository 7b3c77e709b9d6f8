"""What one person, or two, can take from everybody else by uploading: little."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import socket

import httpx
import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from attachments.models import Attachment
from attachments.scanning import scanner
from attachments.services import uploading
from attachments.uploading import incoming, receiving
from attachments.uploading.places import uploads
from core.limits import buckets
from core.time import now
from tests.attachments import wire
from tests.attachments.filing import NOTE, Shelf, fetch, picture, post, take_back, text_of, uploaded
from tests.attachments.samples import wav
from tests.attachments.wire import answer_on, chunk, field, file_head, line_to
from tests.live import Server
from tests.messaging.talking import refused, send
from tests.peers import impostors
from tests.peers.clamd import forget, scan_with
from tests.peers.impostors import impostor, knows_its_version
from tests.people import Person

pytestmark = pytest.mark.core

MIB = 1 << 20
TODAY = f"{now():%a %b %d %H:%M:%S %Y}".encode()


@pytest.fixture(autouse=True)
def no_place_is_taken_afterwards(shelf: Shelf, server: Server) -> Iterator[None]:
    yield
    server.sees(lambda: not uploads.taken)
    server.sees(lambda: not Attachment.objects.filter(status="uploading").exists())


@pytest.fixture
def lines(server: Server) -> Iterator[ExitStack]:
    """Connections that are closed at the end of the test."""
    with ExitStack() as lines:
        yield lines


def begun(lines: ExitStack, server: Server, token: str, *sent: bytes) -> socket:
    """An upload of at most 40 MiB of which so much has been sent."""
    line = lines.enter_context(line_to(server))
    line.sendall(wire.announcing(token, 40 * MIB) + b"".join(sent))
    return line


# ---- Places ----------------------------------------------------------------------------------------------------------


def test_who_sends_no_file_takes_nobodys_place(
    server: Server, lines: ExitStack, pat1: Person, doc1: Person, stranger: httpx.Client, c1: str, c2: str
) -> None:
    """Eight connections of two people that say nothing more, and each counts as an upload of theirs."""
    for person in (pat1, doc1):
        for sent in (b"", b"", field("conversationId", c1), wire.BOUNDARY.encode()):
            begun(lines, server, person.token, sent)
    server.sees(lambda: uploads_left(pat1) < 27 and uploads_left(doc1) < 27)
    assert uploaded(stranger, c2)["status"] == "clean"


def uploads_left(person: Person) -> float:
    """How many this person may still begin."""
    level, _ = buckets._levels.get(("UPLOAD", person.id), (30.0, 0.0))
    return level


def test_a_form_has_to_begin_soon(
    server: Server, lines: ExitStack, pat1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that goes on without getting to its file."""
    monkeypatch.setattr(receiving, "LONGEST_HEAD", 0.4)
    silent = begun(lines, server, pat1.token)
    status, problem = answer_on(silent)
    assert (status, problem["code"]) == (408, "timeout")
    over = threading.Event()
    talking = begun(lines, server, pat1.token)

    def talk() -> None:
        while not over.wait(0.02):
            try:
                talking.sendall(b"\r\n")
            except OSError:
                return

    sender = threading.Thread(target=talk)
    sender.start()
    try:
        status, problem = answer_on(talking)
    finally:
        over.set()
        sender.join(20)
    assert (status, problem["code"]) == (408, "timeout")


def test_no_upload_lasts_until_it_counts_as_dead(
    server: Server, lines: ExitStack, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast it is, and however large files may be here."""
    monkeypatch.setattr(incoming, "LONGEST_WAIT", 0.4)
    line = lines.enter_context(line_to(server))
    line.sendall(wire.in_chunks(pat1.token) + chunk(field("conversationId", c1) + file_head() + text_of(MIB)))
    status, problem = answer_on(line)
    assert (status, problem["code"]) == (408, "timeout")


def test_one_person_has_so_many_uploads_under_way(
    server: Server, lines: ExitStack, pat1: Person, patient: httpx.Client, stranger: httpx.Client, c1: str, c2: str
) -> None:
    for _ in range(uploads.most_of_one):
        begun(lines, server, pat1.token, field("conversationId", c1), file_head(), NOTE)
    server.sees(lambda: uploads.taken == uploads.most_of_one)
    assert int(refused_later(post(patient, c1)).headers["retry-after"]) > 0
    assert uploaded(stranger, c2)["status"] == "clean"


def refused_later(answer: httpx.Response) -> httpx.Response:
    refused(answer, 429, "rate_limited")
    return answer


def test_who_sends_slowly_takes_nobodys_scanner(
    server: Server,
    lines: ExitStack,
    settings: Settings,
    tmp_path: Path,
    pat1: Person,
    doc1: Person,
    stranger: httpx.Client,
    c1: str,
    c2: str,
) -> None:
    """All the uploads of two people are with the scanner and do not end: another's file still gets its verdict."""
    assert uploads.most <= scanner.AT_ONCE
    with impostor(tmp_path, knows_its_version(TODAY, impostors.takes_it_all(b"stream: OK\n"))) as clamd:
        scan_with(settings, clamd.url)
        for person in (pat1, doc1):
            for _ in range(uploads.most_of_one):
                begun(lines, server, person.token, field("conversationId", c1), file_head(), text_of(1_300_000))
        server.sees(lambda: clamd.connections == 2 * 2 * uploads.most_of_one)  # each asks for the version first
        assert uploaded(stranger, c2)["status"] == "clean"
        lines.close()
        server.sees(lambda: not uploads.taken)
    forget()


# ---- Files that nobody sends -----------------------------------------------------------------------------------------


def test_only_so_many_files_wait_for_their_message(
    patient: httpx.Client, doctor: httpx.Client, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MOST_UNSENT", 2)
    first, second = uploaded(patient, c1), uploaded(patient, c1)
    refused(post(patient, c1), 409, "too_many_unsent")
    assert uploaded(doctor, c1)
    send(patient, c1, "here", attachmentIds=[first["id"]])
    third = uploaded(patient, c1)
    refused(post(patient, c1), 409, "too_many_unsent")
    take_back(patient, second)
    assert uploaded(patient, c1)
    assert fetch(patient, third).content == NOTE


def test_files_leave_room_on_the_disk(
    patient: httpx.Client, c1: str, settings: Settings, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be the database's, too: text goes on, and what is there can be read."""
    made = uploaded(patient, c1)
    settings.STORAGE_KEEP_FREE = 1 << 60
    refused(post(patient, c1, text_of(300_000)), 503, "storage_unavailable")
    assert "the storage of files failed: OSError (ENOSPC)" in caplog.text
    assert fetch(patient, made).content == NOTE
    send(patient, c1, "Text goes on.", attachmentIds=[made["id"]])
    assert len(shelf.all()) == 1
    settings.STORAGE_KEEP_FREE = 0
    assert uploaded(patient, c1)["status"] == "clean"


# ---- Connections to the database -------------------------------------------------------------------------------------


def test_no_thread_of_uploads_has_a_connection_to_the_database(
    server: Server, lines: ExitStack, patient: httpx.Client, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would keep it when it has nothing more to do, and the pool would run dry."""
    used: set[str] = set()
    real = BaseDatabaseWrapper.ensure_connection

    def watched(self: BaseDatabaseWrapper) -> None:
        used.add(threading.current_thread().name)
        real(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", watched)
    assert uploaded(patient, c1, picture(), "a.png", "image/png")["status"] == "clean"
    assert uploaded(patient, c1, wav(), "a.wav", "audio/wav")["status"] == "clean"
    refused(post(patient, c1, b"MZ" + bytes(100_000), "a.pdf", "application/pdf"), 415, "type_mismatch")
    line = begun(lines, server, pat1.token, field("conversationId", c1), file_head(), text_of(MIB))
    server.sees(lambda: bool(uploads.taken))
    line.close()
    server.sees(lambda: not uploads.taken)
    assert any(name.startswith("database") for name in used)
    assert [name for name in used if not name.startswith(("database", "audit-", "MainThread"))] == []
