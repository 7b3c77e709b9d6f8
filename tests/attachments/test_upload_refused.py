"""Uploads that are refused: each leaves nothing, neither a row nor an object."""

import threading
import zlib
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from pytest_django import Settings

from attachments.models import Attachment
from attachments.uploading.places import uploads
from tests.attachments import wire
from tests.attachments.filing import NOTE, Shelf, picture, post, text_of, uploaded
from tests.attachments.wire import answer_on, chunk, field, file_head, form, line_to
from tests.live import Server
from tests.messaging.talking import API, Json, entries, refused, same_but_for_the_request_id
from tests.people import Person, anonymous_client

pytestmark = pytest.mark.core
MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_is_left(shelf: Shelf, server: Server) -> Iterator[None]:
    yield
    server.sees(lambda: not Attachment.objects.exists())
    assert shelf.all() == []
    server.sees(lambda: not uploads.taken)


def raw(patient: httpx.Client, body: bytes, content_type: str = wire.FORM_TYPE) -> httpx.Response:
    return patient.post(f"{API}/attachments", content=body, headers={"Content-Type": content_type})


def wrong_fields(problem: Json) -> list[str]:
    return [error["field"] for error in problem["errors"]]


# ---- What may not be sent here ---------------------------------------------------------------------------------------


def test_a_stranger_gets_404_like_for_a_random_id(stranger: httpx.Client, pat2: Person, c1: str) -> None:
    random = str(uuid4())
    problems = [refused(post(stranger, one), 404, "not_found") for one in (c1, random)]
    assert same_but_for_the_request_id(*problems)
    assert [str(entry.object) for entry in entries("access.denied", pat2)] == [c1, random]


def test_nobody_is_asked_to_sign_in(server: Server, c1: str) -> None:
    with anonymous_client(server) as client:
        refused(post(client, c1), 401, "unauthenticated")
        client.headers["Authorization"] = "Bearer nonsense"
        answer = post(client, c1)
        refused(answer, 401, "token_invalid")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("content", "name", "declared", "code"),
    [
        (b"<!doctype html><script>alert(1)</script>", "a.png", "image/png", "type_mismatch"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a.html", "text/html", "unsupported_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "a.svg", "image/svg+xml", "unsupported_type"),
        (b"MZ" + bytes(1000), "setup.exe", "application/octet-stream", "unsupported_type"),
        (b"MZ" + bytes(1000), "letter.pdf", "application/pdf", "type_mismatch"),
        (b"%PDF-1.4\n", "letter.pdf.exe", "application/pdf", "unsupported_type"),
        (b"#!/bin/sh\nid\n", "run.sh", "text/plain", "unsupported_type"),
    ],
)
def test_a_kind_that_is_not_taken(
    patient: httpx.Client, c1: str, content: bytes, name: str, declared: str, code: str
) -> None:
    """T080, T081."""
    refused(post(patient, c1, content, name, declared), 415, code)


def test_what_its_first_bytes_show_is_said_at_once(server: Server, pat1: Person, c1: str) -> None:
    """Not after the 50 MiB that were announced."""
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, 40 * MIB) + field("conversationId", c1) + file_head("a.txt"))
        line.sendall(b"\x7fELF" + bytes(64 * 1024))
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (415, "type_mismatch")


def test_too_many_pixels(patient: httpx.Client, c1: str) -> None:
    """T083."""
    bomb = bytearray(picture())
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    refused(post(patient, c1, bytes(bomb), "bomb.png", "image/png"), 413, "image_too_large")


# ---- Too much --------------------------------------------------------------------------------------------------------


def test_a_file_of_just_as_many_bytes_as_are_allowed_is_taken(
    patient: httpx.Client, c1: str, settings: Settings, shelf: Shelf
) -> None:
    settings.ATTACHMENT_MAX_BYTES = settings.CHAT_MAX_ATTACHMENT_SIZE = 100_000
    made = uploaded(patient, c1, text_of(100_000))
    refused(post(patient, c1, text_of(100_001)), 413, "too_large")
    assert patient.delete(f"{API}/attachments/{made['id']}").status_code == 204
    Attachment.objects.all().delete()
    for path in shelf.all():
        path.unlink()


def test_in_a_room_it_may_be_less(as_teacher: httpx.Client, settings: Settings) -> None:
    room = as_teacher.post(f"{API}/conversations", json={"kind": "private", "name": "Anatomy"}).json()["id"]
    settings.CHAT_MAX_ATTACHMENT_SIZE = 1000
    refused(post(as_teacher, room, text_of(1001)), 413, "too_large")


def test_what_is_announced_as_too_much_is_refused_unread(server: Server, pat1: Person) -> None:
    """T088: a gigabyte of anything."""
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, 1 << 30))
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (413, "too_large")


def test_what_becomes_too_much_on_the_way_is_cut_off(server: Server, pat1: Person, c1: str, settings: Settings) -> None:
    """T088: chunks without end; the client hears why although it has not stopped sending."""
    settings.ATTACHMENT_MAX_BYTES = MIB
    head = wire.in_chunks(pat1.token)
    with line_to(server) as line:
        over = threading.Event()

        def send_on() -> None:
            line.sendall(head + chunk(field("conversationId", c1) + file_head()))
            while not over.is_set():
                try:
                    line.sendall(chunk(text_of(65536)))
                except OSError:
                    return

        sender = threading.Thread(target=send_on)
        sender.start()
        try:
            status, problem = answer_on(line)
        finally:
            over.set()
            sender.join(20)
    assert (status, problem["code"]) == (413, "too_large")


def test_a_preamble_does_not_count_as_a_form(patient: httpx.Client, settings: Settings) -> None:
    settings.ATTACHMENT_MAX_BYTES = settings.CHAT_MAX_ATTACHMENT_SIZE = 10_000
    body = iter([b"\r\n" * 5000] * 20)
    headers = {"Content-Type": wire.FORM_TYPE}
    refused(patient.post(f"{API}/attachments", content=body, headers=headers), 413, "too_large")


# ---- No form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("application/json", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        ("", 415, "unsupported_media_type"),
        ("multipart/mixed; boundary=boundary-of-tests", 415, "unsupported_media_type"),
        ("multipart/form-data", 400, "invalid"),
        (f"multipart/form-data; boundary={'x' * 300}", 400, "invalid"),
    ],
)
def test_another_kind_of_body(patient: httpx.Client, c1: str, content_type: str, status: int, code: str) -> None:
    refused(raw(patient, form(c1), content_type), status, code)


@pytest.mark.parametrize(
    "body", [b"", b"x", b"--another\r\n", b"\xff" * 1000, wire.LAST, wire.BOUNDARY.encode() + b"no header\r\n\r\n"]
)
def test_what_is_no_form(patient: httpx.Client, body: bytes) -> None:
    refused(raw(patient, body), 400, "invalid")


def test_a_boundary_of_few_characters(patient: httpx.Client, c1: str) -> None:
    """A file full of it would keep the event loop busy for seconds."""
    few = form(c1).replace(wire.NAME.encode(), b"fifteen-of-them")
    problem = refused(raw(patient, few, "multipart/form-data; boundary=fifteen-of-them"), 400, "invalid")
    assert "too short" in problem["detail"]


def test_the_fields_come_before_the_file(patient: httpx.Client, c1: str) -> None:
    late = file_head() + NOTE + b"\r\n" + field("conversationId", c1) + wire.LAST
    assert "last part" in refused(raw(patient, late), 400, "invalid")["detail"]
    alone = file_head() + NOTE + wire.END
    assert wrong_fields(refused(raw(patient, alone), 400, "invalid")) == ["conversationId"]


def test_one_file(patient: httpx.Client, c1: str) -> None:
    two = field("conversationId", c1) + (file_head() + NOTE + b"\r\n") * 2 + wire.LAST
    refused(raw(patient, two), 400, "invalid")
    none = field("conversationId", c1) + wire.LAST
    assert wrong_fields(refused(raw(patient, none), 400, "invalid")) == ["file"]
    other = field("conversationId", c1) + file_head().replace(b'"file"', b'"files"') + NOTE + wire.END
    assert wrong_fields(refused(raw(patient, other), 400, "invalid")) == ["files"]


@pytest.mark.parametrize(
    ("fields", "code", "wrong"),
    [
        ({"surprise": "1"}, "unknown_field", []),
        ({"durationMs": "-1"}, "invalid", ["durationMs"]),
        ({"durationMs": "long"}, "invalid", ["durationMs"]),
        ({"durationMs": str(10**12)}, "invalid", ["durationMs"]),
        ({"waveform": "[101]"}, "invalid", ["waveform"]),
        ({"waveform": "[]"}, "invalid", ["waveform"]),
        ({"waveform": "[true]"}, "invalid", ["waveform"]),
        ({"waveform": f"[{','.join('1' * 65)}]"}, "invalid", ["waveform"]),
        ({"waveform": "loud"}, "invalid", ["waveform"]),
        ({"waveform": "[" * 2000}, "invalid", ["waveform"]),
        ({"waveform": "1" * 5000}, "invalid", []),
    ],
)
def test_fields_are_checked(
    patient: httpx.Client, c1: str, fields: dict[str, str], code: str, wrong: list[str]
) -> None:
    problem = refused(post(patient, c1, NOTE, "note.txt", "text/plain", **fields), 400, code)
    assert [error["field"] for error in problem.get("errors", [])] == wrong


def test_a_conversation_is_named_once_and_by_its_id(patient: httpx.Client, c1: str) -> None:
    assert wrong_fields(refused(post(patient, "c1"), 400, "invalid")) == ["conversationId"]
    twice = field("conversationId", c1) + form(c1)
    assert wrong_fields(refused(raw(patient, twice), 400, "invalid")) == ["conversationId"]


def test_names_that_are_not_utf_8(patient: httpx.Client, c1: str) -> None:
    body = form(c1).replace(b"note.txt", b"\xff\xfe.txt")
    refused(raw(patient, body), 400, "invalid_text")


def test_a_query_is_refused(patient: httpx.Client, c1: str) -> None:
    answer = patient.post(f"{API}/attachments?x=1", data={"conversationId": c1}, files={"file": ("a.txt", NOTE)})
    refused(answer, 400, "unknown_param")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods(patient: httpx.Client, method: str) -> None:
    refused(patient.request(method, f"{API}/attachments"), 405, "method_not_allowed")
