"""T085: somebody who can write into the storage changes what lies there. Nobody gets a byte of it."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from pytest_django import Settings

from attachments.models import Attachment, Status
from attachments.scanning.probing import eicar
from attachments.serving import delivery, links
from core.time import now
from encryption.files import HEADER_BYTES
from tests.attachments.filing import CHUNK, Shelf, link_to, open_link, picture, row_of, text_of, uploaded
from tests.live import Server
from tests.messaging.talking import API, Json, answered, entries, refused
from tests.peers.clamd import Clamd, forget, scan_with
from tests.people import Person, client_for

SEALED = CHUNK + 16
Change = Callable[[bytes], bytes]


def at(chunk: int) -> slice:
    return slice(HEADER_BYTES + chunk * SEALED, HEADER_BYTES + (chunk + 1) * SEALED)


def flipped(place: int) -> Change:
    return lambda sealed: sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]


def swapped(sealed: bytes) -> bytes:
    return sealed[: at(1).start] + sealed[at(2)] + sealed[at(1)] + sealed[at(2).stop :]


CHANGES: dict[str, Change] = {
    "a bit of chunk 2": flipped(HEADER_BYTES + 2 * SEALED + 500),
    "a bit of the last tag": flipped(-1),
    "a bit of the salt": flipped(20),
    "a bit of the commitment": flipped(60),
    "another version": flipped(4),
    "two chunks exchanged": swapped,
    "a chunk twice": lambda sealed: sealed[: at(1).start] + sealed[at(0)] + sealed[at(1).stop :],
    "without the last chunk": lambda sealed: sealed[: at(3).start],
    "cut in the middle of a chunk": lambda sealed: sealed[:-1],
    "with something behind it": lambda sealed: sealed + b"x",
    "with its last chunk again": lambda sealed: sealed + sealed[at(3)],
    "nothing but the header": lambda sealed: sealed[:HEADER_BYTES],
    "empty": lambda sealed: b"",
}


@pytest.fixture
def made(patient: httpx.Client, c1: str, shelf: Shelf) -> Json:
    return uploaded(patient, c1, text_of(3 * CHUNK + 700))


def unreadable(person: Person) -> list[str]:
    return [str(entry.object) for entry in entries("file.unreadable", person)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_altered_object_is_an_error_and_an_entry(
    patient: httpx.Client, pat1: Person, shelf: Shelf, made: Json, change: Change
) -> None:
    path = shelf.object_of(made)
    path.write_bytes(change(path.read_bytes()))
    refused(open_link(patient, link_to(patient, made)), 502, "integrity_error")
    assert unreadable(pat1) == [made["id"]]
    assert [entry.reason for entry in entries("file.viewed", pat1)] == ["link"]  # it was not given out


@pytest.mark.parametrize("chunk", range(4))
def test_a_range_outside_of_the_altered_chunk_is_whole(
    patient: httpx.Client, shelf: Shelf, made: Json, chunk: int
) -> None:
    """What is given out is authenticated, and nothing else is: the other chunks are what was stored."""
    path = shelf.object_of(made)
    url = link_to(patient, made)
    content = open_link(patient, url).content
    path.write_bytes(flipped(at(chunk).start + 7)(path.read_bytes()))
    for other in range(4):
        first, last = other * CHUNK, min((other + 1) * CHUNK, len(content)) - 1
        answer = open_link(patient, url, Range=f"bytes={first}-{last}")
        if other == chunk:
            refused(answer, 502, "integrity_error")
        else:
            assert answer.content == content[first : last + 1]


@pytest.mark.core
def test_the_object_of_another_file_is_another(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, made: Json
) -> None:
    """Of the same person, place and length."""
    other = uploaded(patient, c1, text_of(3 * CHUNK + 700))
    shelf.object_of(made).write_bytes(shelf.object_of(other).read_bytes())
    refused(open_link(patient, link_to(patient, made)), 502, "integrity_error")
    row, another = row_of(made), row_of(other)
    Attachment.objects.filter(id=row.id).update(storage_key="0" * 32)
    Attachment.objects.filter(id=row.id).update(storage_key=another.storage_key[::-1])
    refused(open_link(patient, link_to(patient, made)), 502, "integrity_error")
    assert unreadable(pat1) == [made["id"]] * 2


def test_a_missing_object(patient: httpx.Client, pat1: Person, shelf: Shelf, made: Json) -> None:
    url = link_to(patient, made)
    shelf.object_of(made).unlink()
    refused(open_link(patient, url), 502, "integrity_error")
    assert unreadable(pat1) == [made["id"]]


def test_an_altered_thumbnail(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    url = link_to(patient, made, thumbnail=True)
    [small] = [path for path in shelf.all() if path != shelf.object_of(made)]
    small.write_bytes(flipped(-20)(small.read_bytes()))
    refused(open_link(patient, url), 502, "integrity_error")
    assert unreadable(pat1) == [made["id"]]


@pytest.mark.core
@pytest.mark.parametrize("column", ["record", "file_key"])
def test_an_altered_row(patient: httpx.Client, pat1: Person, made: Json, column: str) -> None:
    """A writer of the database: its description and its key are bound to the file as well."""
    url = link_to(patient, made)
    value = bytes(getattr(row_of(made), column))
    Attachment.objects.update(**{column: flipped(30)(value)})
    refused(open_link(patient, url), 502, "integrity_error")
    assert unreadable(pat1) == [made["id"]]
    told = answered(patient.get(f"{API}/attachments/{made['id']}"))
    assert told["name"] == (None if column == "record" else "note.txt")


# ---- A writer of the database ----------------------------------------------------------------------------------------


def called_clean_by_its_row(client: httpx.Client, person: Person, c1: str, made: Json) -> None:
    """The verdict is sealed too: such a file is not opened, not described, and not sent."""
    Attachment.objects.filter(id=made["id"]).update(status=Status.CLEAN)
    refused(open_link(client, link_to(client, made)), 502, "integrity_error")
    assert unreadable(person) == [made["id"]]
    assert answered(client.get(f"{API}/attachments/{made['id']}"))["contentError"] == "undecryptable"
    body = {"attachmentIds": [made["id"]]}
    refused(client.post(f"{API}/conversations/{c1}/messages", json=body), 400, "invalid_reference")


@pytest.mark.core
def test_an_infected_file_is_not_clean_because_its_row_says_so(
    clamd: Clamd, patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf
) -> None:
    made = uploaded(patient, c1, eicar())
    assert (made["status"], made["name"]) == ("infected", "note.txt")
    called_clean_by_its_row(patient, pat1, c1, made)


@pytest.mark.core
def test_nor_is_one_that_waits_for_its_verdict(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, settings: Settings
) -> None:
    scan_with(settings, f"unix:{shelf.folder}/nobody")
    made = uploaded(patient, c1)
    forget()
    assert made["status"] == "scanning"
    called_clean_by_its_row(patient, pat1, c1, made)


@pytest.mark.core
def test_a_file_that_is_moved_to_a_message_elsewhere_is_nobodys_there(
    patient: httpx.Client, stranger: httpx.Client, pat2: Person, c1: str, c2: str, made: Json
) -> None:
    body = {"attachmentIds": [made["id"]]}
    answered(patient.post(f"{API}/conversations/{c1}/messages", json=body), 201)
    elsewhere = answered(stranger.post(f"{API}/conversations/{c2}/messages", json={"content": "Hello"}), 201)
    Attachment.objects.update(message_id=elsewhere["id"])
    for client in (stranger, patient):
        refused(client.get(f"{API}/attachments/{made['id']}"), 404, "not_found")
        refused(client.post(f"{API}/attachments/{made['id']}/url", json={}), 404, "not_found")
    link = links.Link(UUID(made["id"]), pat2.id, pat2.signed_in.session_id, now() + timedelta(seconds=60))
    refused(open_link(stranger, f"/files/{links.sign(link)}"), 403, "forbidden")


# ---- Found out only on the way ---------------------------------------------------------------------------------------


@pytest.fixture
def large(patient: httpx.Client, c1: str, shelf: Shelf) -> tuple[Json, bytes]:
    content = text_of(200 * CHUNK)
    return uploaded(patient, c1, content), content


def received(client: httpx.Client, url: str, then: Callable[[], object] = lambda: None) -> tuple[bytes, bool]:
    """What came of it, and whether the answer was whole; `then` happens after its first bytes."""
    got = b""
    with httpx.Client(base_url=client.base_url, timeout=30) as anybody, anybody.stream("GET", url) as answer:
        assert answer.status_code == 200
        parts: Iterator[bytes] = answer.iter_raw(CHUNK)
        got += next(parts)
        then()
        try:
            for part in parts:
                got += part
        except httpx.RemoteProtocolError:
            return got, False
    return got, True


def test_in_the_middle_the_answer_is_cut_off_before_the_bad_chunk(
    patient: httpx.Client, pat1: Person, shelf: Shelf, large: tuple[Json, bytes]
) -> None:
    made, content = large
    path = shelf.object_of(made)
    path.write_bytes(flipped(at(150).start + 9)(path.read_bytes()))
    got, is_whole = received(patient, link_to(patient, made))
    assert not is_whole
    assert len(got) <= 150 * CHUNK
    assert content.startswith(got)
    assert unreadable(pat1) == [made["id"]]


def test_who_may_not_have_it_any_more_gets_no_more_of_it(
    server: Server, pat1: Person, settings: Settings, large: tuple[Json, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on sockets: at the latest after SWEEP_INTERVAL."""
    made, content = large
    settings.SWEEP_INTERVAL = 0
    monkeypatch.setattr(delivery, "CHUNKS_AT_ONCE", 1)
    with client_for(pat1, server) as client:
        url = link_to(client, made)
        got, is_whole = received(client, url, lambda: client.post(f"{API}/auth/logout").raise_for_status())
    assert not is_whole
    assert content.startswith(got)
    assert unreadable(pat1) == []


def test_what_is_discarded_while_it_is_read_is_not_called_altered(
    patient: httpx.Client, pat1: Person, shelf: Shelf, large: tuple[Json, bytes]
) -> None:
    made, content = large

    def discard() -> None:
        assert patient.delete(f"{API}/attachments/{made['id']}").status_code == 204
        shelf.object_of(made).unlink()

    got, _ = received(patient, link_to(patient, made), discard)
    assert content.startswith(got)
    assert unreadable(pat1) == []


def test_a_client_that_reads_nothing_holds_no_answer(
    patient: httpx.Client, settings: Settings, large: tuple[Json, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STALL_TIMEOUT = 0.2
    over, close = threading.Event(), delivery.Delivery.close

    def closed(self: delivery.Delivery) -> None:
        close(self)
        over.set()

    monkeypatch.setattr(delivery.Delivery, "close", closed)
    url = link_to(patient, large[0])
    with httpx.Client(base_url=patient.base_url, timeout=30) as anybody, anybody.stream("GET", url) as answer:
        assert answer.status_code == 200
        assert over.wait(30)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
