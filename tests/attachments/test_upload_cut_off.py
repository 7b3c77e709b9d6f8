"""Uploads that end before their end: too slow, broken off, overtaken by events, or while something is away."""

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from attachments.models import Attachment
from attachments.uploading import incoming
from attachments.uploading.places import uploads
from realtime import draining
from tests.attachments import wire
from tests.attachments.filing import NOTE, Shelf, post, text_of
from tests.attachments.wire import answer_on, chunk, field, file_head, form, line_to
from tests.live import Server
from tests.messaging.talking import API, entries, refused, send
from tests.people import Person, client_for

pytestmark = pytest.mark.core
MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_is_left(shelf: Shelf, server: Server) -> Iterator[None]:
    yield
    server.sees(lambda: not Attachment.objects.exists())
    assert shelf.all() == []
    server.sees(lambda: not uploads.taken)


# ---- Too slow, or broken off -----------------------------------------------------------------------------------------


def test_an_upload_that_stalls_is_given_up(
    server: Server, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T088: also the Content-Length that is too large."""
    monkeypatch.setattr(incoming, "LONGEST_STALL", 0.3)
    body = form(c1)
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, len(body) + 1) + body)
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (408, "timeout")


def test_an_upload_that_trickles_is_given_up(
    server: Server, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T088: never silent for long, and never to end."""
    monkeypatch.setattr(incoming, "LONGEST_STALL", 0.5)
    with line_to(server) as line:
        line.sendall(wire.in_chunks(pat1.token) + chunk(field("conversationId", c1) + file_head()))
        over = threading.Event()

        def trickle() -> None:
            while not over.wait(0.02):
                try:
                    line.sendall(chunk(b"a"))
                except OSError:
                    return

        sender = threading.Thread(target=trickle)
        sender.start()
        try:
            status, problem = answer_on(line)
        finally:
            over.set()
            sender.join(20)
    assert (status, problem["code"]) == (408, "timeout")


def test_a_body_that_is_shorter_than_its_form(server: Server, pat1: Person, c1: str) -> None:
    """T088: the Content-Length that is too small."""
    body = form(c1)
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, len(body) - 10) + body[:-10])
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (400, "invalid")


def test_a_client_that_goes_away_leaves_nothing(server: Server, pat1: Person, c1: str, shelf: Shelf) -> None:
    """T086: at half of it the row is there and the object is being written; then neither is."""
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, 2 * MIB) + field("conversationId", c1) + file_head() + text_of(MIB))
        server.sees(lambda: Attachment.objects.filter(status="uploading").exists() and bool(shelf.all()))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, as of a lost line
    server.sees(lambda: not Attachment.objects.exists() and not shelf.all())
    assert entries("file.uploaded") == []


# ---- What changes meanwhile ------------------------------------------------------------------------------------------


def test_who_signs_out_meanwhile_uploads_nothing(server: Server, pat1: Person, c1: str) -> None:
    body = form(c1, text_of(200_000))
    with line_to(server) as line, client_for(pat1, server) as client:
        line.sendall(wire.announcing(pat1.token, len(body)) + body[:100_000])
        server.sees(lambda: Attachment.objects.exists())
        assert client.post(f"{API}/auth/logout").status_code == 204
        line.sendall(body[100_000:])
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (401, "token_revoked")


def test_who_is_removed_meanwhile_uploads_nothing(
    server: Server, teacher: Person, as_teacher: httpx.Client, out1: Person
) -> None:
    """T050, for uploads."""
    body = {"kind": "group", "name": "Group", "memberIds": [str(out1.id)]}
    room = as_teacher.post(f"{API}/conversations", json=body).json()["id"]
    whole = form(room, text_of(200_000))
    with line_to(server) as line:
        line.sendall(wire.announcing(out1.token, len(whole)) + whole[:100_000])
        server.sees(lambda: Attachment.objects.exists())
        assert as_teacher.delete(f"{API}/conversations/{room}/members/{out1.id}").status_code == 204
        line.sendall(whole[100_000:])
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (404, "not_found")


# ---- When something is away, or there is too much to do --------------------------------------------------------------


def test_without_the_storage_files_wait_and_text_does_not(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    """T141."""
    uploaded_before = post(patient, c1)
    assert uploaded_before.status_code == 201
    elsewhere = shelf.folder.rename(shelf.folder.with_name("unmounted"))
    answer = post(patient, c1, text_of(300_000))
    refused(answer, 503, "storage_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    link = patient.post(f"{API}/attachments/{uploaded_before.json()['id']}/url", json={}).json()["url"]
    refused(patient.get(link), 503, "storage_unavailable")
    send(patient, c1, "Text goes on.")
    elsewhere.rename(shelf.folder)
    assert patient.get(link).content == NOTE
    assert post(patient, c1).status_code == 201
    # What is left of the one that failed is for the sweep; here that is the whole test's.
    for path in shelf.all():
        path.unlink()
    Attachment.objects.all().delete()


def test_there_are_so_many_at_once_and_no_more(
    server: Server, pat1: Person, doc1: Person, pat2: Person, c1: str, c2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one person, and of all together; who finds no place is told when to come again."""
    monkeypatch.setattr(uploads, "most", 3)
    monkeypatch.setattr(uploads, "most_of_one", 2)
    lines = [socket.create_connection(("127.0.0.1", server.port), 15) for _ in range(3)]
    try:
        for line, person in zip(lines, (pat1, pat1, doc1), strict=True):
            line.sendall(wire.announcing(person.token, MIB) + field("conversationId", c1) + file_head() + text_of(9000))
        server.sees(lambda: uploads.taken == 3)
        for person, status, code in ((pat1, 429, "rate_limited"), (pat2, 503, "overloaded")):
            with client_for(person, server) as client:
                answer = post(client, c2 if person is pat2 else c1)
                refused(answer, status, code)
                assert int(answer.headers["retry-after"]) > 0
    finally:
        for line in lines:
            line.close()


def test_a_server_that_is_leaving_begins_none(patient: httpx.Client, c1: str) -> None:
    draining.begin()
    try:
        refused(post(patient, c1), 503, "draining")
    finally:
        draining.reset()
