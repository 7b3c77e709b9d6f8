"""Whatever happens to an upload and when: while there is an object, there is a row that knows of it (T086)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from pytest_django import Settings

from attachments import inspection
from attachments.details import open_details
from attachments.models import Attachment
from attachments.services import add_preview
from attachments.storage import StorageUnavailable, object_store
from attachments.storage.local import LocalStore
from attachments.sweeping import give_up_uploads, remove_gone
from core.time import now
from tests.attachments import wire
from tests.attachments.filing import Shelf, picture, row_of, take_back, text_of, uploaded
from tests.attachments.wire import answer_on, form, line_to
from tests.live import Server
from tests.messaging.talking import API, Json, refused
from tests.peers.clamd import forget, scan_with
from tests.people import Person

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def nothing_is_left(shelf: Shelf, server: Server) -> Iterator[None]:
    """Of any of them, after the next sweep at the latest."""
    yield
    server.sees(lambda: not Attachment.objects.filter(status="uploading").exists())
    remove_gone()
    assert not Attachment.objects.exists()
    assert shelf.all() == []


# ---- Swept while it arrived ------------------------------------------------------------------------------------------


@pytest.fixture
def written_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As buckets do it: nothing of an object is there before all of it has come."""
    real = LocalStore.write

    def write(store: LocalStore, key: str, source: BinaryIO) -> None:
        real(store, key, BytesIO(source.read()))

    monkeypatch.setattr(LocalStore, "write", write)


def upload_through_a_sweep(server: Server, person: Person, conversation_id: str, then: Callable[[], None]) -> Json:
    """The problem of an upload that counts as dead before its end has come."""
    body = form(conversation_id, text_of(200_000))
    with line_to(server) as line:
        line.sendall(wire.announcing(person.token, len(body)) + body[:100_000])
        server.sees(lambda: Attachment.objects.exists())
        Attachment.objects.update(created_at=now() - timedelta(hours=3))
        give_up_uploads()
        remove_gone()
        assert not Attachment.objects.exists()
        then()
        line.sendall(body[100_000:])
        status, problem = answer_on(line)
    assert (status, problem["code"]) == (410, "gone")
    return problem


def test_what_was_swept_while_it_arrived_is_removed_when_it_has(
    server: Server, pat1: Person, c1: str, shelf: Shelf, written_at_its_end: None
) -> None:
    upload_through_a_sweep(server, pat1, c1, then=lambda: None)
    assert shelf.all() == []


def test_and_is_known_again_when_the_storage_is_away_then(
    server: Server, pat1: Person, c1: str, shelf: Shelf, written_at_its_end: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time it can be removed, the sweep does."""

    def refuse(store: object, key: str) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patch:
        upload_through_a_sweep(server, pat1, c1, then=lambda: patch.setattr(LocalStore, "delete", refuse))
        assert len(shelf.all()) == 1
    [row] = Attachment.objects.all()
    assert (row.status, row.record, row.gone_at is None) == ("failed", None, False)


# ---- Thumbnails ------------------------------------------------------------------------------------------------------


def test_a_thumbnail_that_may_be_there_is_not_forgotten(
    patient: httpx.Client, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage did what it was asked, and its answer was lost. The file is whole, and has no thumbnail."""
    real, written = LocalStore.write, list[str]()

    def write(store: LocalStore, key: str, source: BinaryIO) -> None:
        real(store, key, source)
        written.append(key)
        if len(written) == 2:
            raise StorageUnavailable

    monkeypatch.setattr(LocalStore, "write", write)
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    assert made["status"] == "clean"
    assert len(shelf.all()) == 2
    refused(patient.post(f"{API}/attachments/{made['id']}/url", json={"thumbnail": True}), 404, "not_found")
    take_back(patient, made)


@pytest.fixture
def unscanned(patient: httpx.Client, c1: str, settings: Settings, tmp_path: Path) -> Iterator[Json]:
    """A picture that waits for the scanner, which is away."""
    scan_with(settings, f"unix:{tmp_path}/nobody")
    yield uploaded(patient, c1, picture(), "a.png", "image/png")
    forget()


@pytest.fixture
def discarded_meanwhile(patient: httpx.Client, unscanned: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner takes it back, and another worker removes it, while its thumbnail is made."""

    def thumbnail(source: BinaryIO) -> bytes | None:
        made = inspection.thumbnail(source)
        take_back(patient, unscanned)
        remove_gone()
        assert not Attachment.objects.exists()
        return made

    monkeypatch.setattr("attachments.services.previewing.thumbnail", thumbnail)


def test_a_thumbnail_of_what_went_meanwhile_goes_too(unscanned: Json, discarded_meanwhile: None, shelf: Shelf) -> None:
    add_preview(row_of(unscanned))
    assert shelf.all() == []
    assert not Attachment.objects.exists()


def test_and_is_known_again_when_the_storage_is_away(
    unscanned: Json, discarded_meanwhile: None, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, real, calls = row_of(unscanned), LocalStore.delete, list[str]()

    def delete(store: LocalStore, key: str) -> None:
        calls.append(key)
        if calls.count(row.thumbnail_key or "") == 3:  # before it is made, by the other worker, and after that
            raise StorageUnavailable
        real(store, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "delete", delete)
        add_preview(row)
    assert len(shelf.all()) == 1
    assert Attachment.objects.get().status == "failed"


def test_half_a_thumbnail_is_in_nobodys_way(patient: httpx.Client, unscanned: Json, shelf: Shelf) -> None:
    """The process died while it wrote one; the next attempt makes it."""
    row = row_of(unscanned)
    half = shelf.folder / str(row.thumbnail_key)[:2] / f"{row.thumbnail_key}.part"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    add_preview(row)
    assert not half.exists()
    assert (open_details(row_of(unscanned)).thumbnail_size or 0) > 0
    assert object_store().size(str(row.thumbnail_key)) > 0
    take_back(patient, unscanned)
