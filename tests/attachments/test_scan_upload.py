"""What the scanner's verdict means for whoever uploads: real clamd behind the upload's own door."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from attachments.models import Attachment
from attachments.rescanning import rescan
from attachments.scanning import clamd as talking
from attachments.scanning import scanner
from attachments.scanning.probing import eicar
from tests.attachments.archives import docx, encrypted, with_zip64, zipped
from tests.attachments.filing import Shelf, fetch, post, row_of, text_of, uploaded
from tests.messaging.talking import API, Json, entries, entry_details, refused, send
from tests.peers import impostors
from tests.peers.clamd import Clamd, forget, scan_with
from tests.peers.impostors import impostor

pytestmark = pytest.mark.core
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def blocked(client: httpx.Client, attachment: Json, c1: str, status: str) -> None:
    """Nobody gets it, its owner neither, and no message takes it with it."""
    assert attachment["status"] == status
    refused(client.post(f"{API}/attachments/{attachment['id']}/url"), 403, "blocked_file")
    body = {"content": "see", "attachmentIds": [attachment["id"]]}
    refused(client.post(f"{API}/conversations/{c1}/messages", json=body), 400, "invalid_reference")


def pending(client: httpx.Client, attachment: Json, c1: str) -> None:
    assert attachment["status"] == "scanning"
    refused(client.post(f"{API}/attachments/{attachment['id']}/url"), 409, "scan_pending")
    body = {"content": "see", "attachmentIds": [attachment["id"]]}
    refused(client.post(f"{API}/conversations/{c1}/messages", json=body), 400, "invalid_reference")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "allowance", lambda size: 0.5)
    monkeypatch.setattr(talking, "ANSWER_TIMEOUT", 0.5)


@pytest.fixture
def nobody(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """clamd is set up, and away."""
    scan_with(settings, f"unix:{tmp_path}/nobody")
    yield
    forget()


def test_a_clean_file_says_who_looked_at_it(clamd: Clamd, patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    assert made["status"] == "clean"
    assert row_of(made).scanner.startswith("ClamAV ")
    assert row_of(made).scanned_at is not None


@pytest.mark.parametrize(
    ("content", "name", "declared"),
    [
        (eicar(), "letter.txt", "text/plain"),
        (eicar() + b"\r\n", "values.csv", "text/csv"),
        (docx(image1=eicar()), "letter.docx", DOCX),
        (docx(image1=zipped({"x": eicar()})), "letter.docx", DOCX),
    ],
    ids=["renamed", "renamed to a table", "in a document", "in an archive in a document"],
)
def test_the_test_virus_is_blocked(
    clamd: Clamd, patient: httpx.Client, c1: str, shelf: Shelf, content: bytes, name: str, declared: str
) -> None:
    """T075, T049."""
    made = uploaded(patient, c1, content, name, declared)
    blocked(patient, made, c1, "infected")
    [entry] = entries("file.blocked")
    assert str(entry.object) == made["id"]
    assert entry_details(entry)["found"] == "Project.Test.EICAR.UNOFFICIAL"


@pytest.mark.parametrize(
    "content",
    [docx(image1=encrypted("x.txt", b"hidden", b"secret")), docx(image1=with_zip64(b"x")) + with_zip64(eicar())],
    ids=["encrypted", "passed over"],
)
def test_what_cannot_be_looked_into_is_blocked(
    clamd: Clamd, patient: httpx.Client, c1: str, shelf: Shelf, content: bytes
) -> None:
    """T079."""
    answer = post(patient, c1, content, "letter.docx", DOCX)
    if answer.status_code != 415:  # the inspection may have been first
        blocked(patient, answer.json(), c1, "unscannable")
        assert [entry.reason for entry in entries("file.blocked")] == ["unscannable"]


def test_without_clamd_files_wait_and_text_does_not(nobody: None, patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    """T076."""
    made = uploaded(patient, c1)
    pending(patient, made, c1)
    assert send(patient, c1, "Text goes on")["content"] == "Text goes on"
    rescan()
    pending(patient, made, c1)


def test_when_clamd_is_back_they_are_clean_without_another_upload(
    nobody: None, patient: httpx.Client, c1: str, shelf: Shelf, session_clamd: Clamd, settings: Settings
) -> None:
    """T076."""
    content = text_of(200_000)
    made = uploaded(patient, c1, content)
    scan_with(settings, session_clamd.url)
    rescan()
    assert row_of(made).status == "clean"
    assert fetch(patient, made).content == content


def test_uploads_that_wait_for_a_silent_clamd_hold_nobody_up(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    patient: httpx.Client,
    doctor: httpx.Client,
    c1: str,
    shelf: Shelf,
) -> None:
    """T077: text is acknowledged while they wait; afterwards all of them are stored, and none is clean."""
    monkeypatch.setattr(talking, "ANSWER_TIMEOUT", 60.0)
    reached = threading.Semaphore(0)

    def silent(connection: object) -> None:
        reached.release()
        impostors.silent(connection)  # type: ignore[arg-type]  # what every manner gets

    with impostor(tmp_path, silent) as server, ThreadPoolExecutor(4) as uploading:
        scan_with(settings, server.url)
        answers = [uploading.submit(uploaded, who, c1, text_of(100)) for who in (patient, patient, doctor, doctor)]
        assert all(reached.acquire(timeout=30) for _ in range(4))
        assert send(patient, c1, "in between")["content"] == "in between"
        assert not any(answer.done() for answer in answers)
        server.stop()
        assert [answer.result(30)["status"] for answer in answers] == ["scanning"] * 4
    forget()
    assert Attachment.objects.filter(status="scanning").count() == 4
