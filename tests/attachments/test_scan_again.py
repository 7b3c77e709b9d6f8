"""The job that shows the scanner again what has no verdict yet."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from pytest_django import Settings

from attachments import inspection, rescanning
from attachments.details import open_details
from attachments.models import Attachment
from attachments.rescanning import rescan
from attachments.scanning import scanner
from attachments.scanning.probing import eicar
from attachments.sweeping import remove_gone
from core.jobs import jobs
from core.time import now
from tests.attachments.archives import docx
from tests.attachments.filing import Shelf, picture, row_of, take_back, text_of, uploaded
from tests.messaging.talking import API, Json, answered, entries, entry_details
from tests.peers import impostors
from tests.peers.clamd import Clamd, clamd_of, forget, scan_with
from tests.peers.impostors import impostor, knows_its_version

pytestmark = pytest.mark.core
TODAY = f"{now():%a %b %d %H:%M:%S %Y}".encode()
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture
def waiting(settings: Settings, tmp_path: Path, shelf: Shelf) -> Iterator[None]:
    """clamd is away: what is uploaded now waits."""
    scan_with(settings, f"unix:{tmp_path}/nobody")
    yield
    forget()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], datetime]:
    def pass_by(time: timedelta) -> datetime:
        monkeypatch.setattr(rescanning, "now", lambda: now() + time)
        return now() + time

    return pass_by


def statuses(*made: Json) -> list[str]:
    return [row_of(one).status for one in made]


def test_it_runs_by_itself_and_says_nothing_when_there_is_nothing_to_do(shelf: Shelf) -> None:
    assert jobs["attachments.rescan"].every == timedelta(seconds=10)
    rescan()


def test_each_gets_the_verdict_it_would_have_had(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings
) -> None:
    good, evil = uploaded(patient, c1), uploaded(patient, c1, docx(image1=eicar()), "letter.docx", DOCX)
    empty_handed = uploaded(patient, c1, text_of(70_000))
    assert statuses(good, evil, empty_handed) == ["scanning"] * 3
    scan_with(settings, session_clamd.url)
    rescan()
    rescan()
    assert statuses(good, evil, empty_handed) == ["clean", "infected", "clean"]
    assert row_of(good).scanner.startswith("ClamAV")
    [entry] = entries("file.blocked")
    assert (str(entry.object), entry.reason, entry.outcome) == (evil["id"], "infected", "deny")
    assert {str(entry.object) for entry in entries("file.cleared")} == {good["id"], empty_handed["id"]}


def test_what_is_told_of_it_then_stands_in_the_log(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings
) -> None:
    """Its description is another than when it was uploaded: the preview has been added."""
    made = uploaded(patient, c1, picture(), "wound.png", "image/png")
    scan_with(settings, session_clamd.url)
    rescan()
    [entry] = entries("file.cleared")
    record = row_of(made).record
    assert record is not None
    assert bytes(entry.object_h or b"") == sha256(record).digest()
    assert str(entry.conv) == c1
    assert entry_details(entry)["scanner"].startswith("ClamAV")


def test_a_worker_without_a_scanner_calls_nothing_clean(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings
) -> None:
    """It may have been forgotten in the worker's settings only."""
    made = uploaded(patient, c1)
    settings.ATTACHMENT_SCANNER = "none"
    rescan()
    assert statuses(made) == ["scanning"]
    assert row_of(made).scanned_at is None
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(made) == ["clean"]


def test_a_picture_has_its_preview_as_soon_as_it_is_clean(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings, shelf: Shelf
) -> None:
    made = uploaded(patient, c1, picture(), "wound.png", "image/png")
    assert len(shelf.all()) == 1
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(made) == ["clean"]
    assert (open_details(row_of(made)).thumbnail_size or 0) > 0
    assert len(shelf.all()) == 2
    assert answered(patient.post(f"{API}/attachments/{made['id']}/url", json={"thumbnail": True}))["url"]


def test_half_a_thumbnail_of_a_worker_that_died_is_in_nobody_s_way(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings, shelf: Shelf
) -> None:
    made = uploaded(patient, c1, picture(), "wound.png", "image/png")
    key = row_of(made).thumbnail_key or ""
    half = shelf.folder / key[:2] / f"{key}.part"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    scan_with(settings, session_clamd.url)
    rescan()
    assert (open_details(row_of(made)).thumbnail_size or 0) > 0
    assert not half.exists()


def test_nothing_is_left_of_one_that_is_discarded_and_swept_meanwhile(
    waiting: None,
    patient: httpx.Client,
    c1: str,
    session_clamd: Clamd,
    settings: Settings,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T086: its thumbnail is stored by one worker when another has removed everything."""
    made = uploaded(patient, c1, picture(), "wound.png", "image/png")

    def thumbnail(source: BinaryIO) -> bytes | None:
        small = inspection.thumbnail(source)
        take_back(patient, made)
        remove_gone()
        assert shelf.all() == []
        return small

    monkeypatch.setattr("attachments.services.previewing.thumbnail", thumbnail)
    scan_with(settings, session_clamd.url)
    rescan()
    assert not Attachment.objects.exists()
    assert shelf.all() == []
    assert entries("file.cleared") == []


def test_one_that_was_altered_in_the_storage_is_never_clean(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings, shelf: Shelf
) -> None:
    flipped, gone = uploaded(patient, c1, text_of(200_000)), uploaded(patient, c1)
    path = shelf.object_of(flipped)
    content = bytearray(path.read_bytes())
    content[100_000] ^= 1
    path.write_bytes(content)
    shelf.object_of(gone).unlink()
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(flipped, gone) == ["unscannable"] * 2
    assert {str(entry.object) for entry in entries("file.unreadable")} == {flipped["id"], gone["id"]}


def test_one_that_was_discarded_meanwhile_stays_so(
    waiting: None, patient: httpx.Client, c1: str, session_clamd: Clamd, settings: Settings
) -> None:
    made = uploaded(patient, c1)
    take_back(patient, made)
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(made) == ["scanning"]


def test_while_clamd_is_away_nothing_is_held_against_a_file(waiting: None, patient: httpx.Client, c1: str) -> None:
    made = uploaded(patient, c1)
    rescan()
    assert row_of(made).scanned_at is None


def test_one_that_makes_clamd_hang_up_does_not_keep_the_others_waiting(
    waiting: None,
    patient: httpx.Client,
    c1: str,
    tmp_path: Path,
    session_clamd: Clamd,
    settings: Settings,
    later: Callable[[timedelta], datetime],
) -> None:
    """It is tried again, when all others have had their turn and a pause is over."""
    evil, good = uploaded(patient, c1), uploaded(patient, c1)
    with impostor(tmp_path, knows_its_version(TODAY, impostors.takes_only(4))) as falls_over:
        scan_with(settings, falls_over.url)
        rescan()
    assert row_of(evil).scanned_at is not None
    assert row_of(good).scanned_at is None
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(evil, good) == ["scanning", "clean"]
    later(timedelta(minutes=11))
    rescan()
    assert statuses(evil, good) == ["clean", "clean"]


def test_signatures_of_last_month_call_nothing_clean(
    waiting: None, patient: httpx.Client, c1: str, settings: Settings
) -> None:
    made = uploaded(patient, c1)
    with clamd_of(age=timedelta(days=31)) as old:
        scan_with(settings, old.url)
        rescan()
        assert statuses(made) == ["scanning"]
        assert uploaded(patient, c1)["status"] == "scanning"


def test_a_large_file_is_waited_for(
    waiting: None,
    patient: httpx.Client,
    c1: str,
    session_clamd: Clamd,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An upload's patience is not the job's: nobody waits for it."""
    made = uploaded(patient, c1, text_of(5_000_000))
    monkeypatch.setattr(scanner, "CONNECT_TIMEOUT", 0.0)
    scan_with(settings, session_clamd.url)
    rescan()
    assert statuses(made) == ["clean"]
    assert Attachment.objects.get(id=made["id"]).scanned_at is not None
