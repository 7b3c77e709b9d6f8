"""What nobody wants any more goes by itself, by a simulated clock (T086)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from attachments import sweeping
from attachments.models import Attachment, Status
from attachments.storage import StorageUnavailable, object_store
from attachments.storage.local import LocalStore
from attachments.sweeping import give_up_uploads, remove_gone
from core.actor import SYSTEM_ID
from core.jobs import jobs
from core.retention import keep_up
from core.time import now
from retention import schedules
from tests.attachments.filing import Shelf, picture, row_of, take_back, uploaded
from tests.messaging.talking import API, Json, entries, send

pytestmark = pytest.mark.core

Later = Callable[..., None]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """`later(hours=2)`: the sweeps think that it is so much later."""

    def pass_by(**time: float) -> None:
        for module in (sweeping, schedules):
            monkeypatch.setattr(module, "now", lambda: now() + timedelta(**time))

    return pass_by


def discard_unclaimed() -> None:
    keep_up("attachments.unsent")


def sweep() -> None:
    discard_unclaimed()
    give_up_uploads()
    remove_gone()


def is_there(attachment: Json) -> bool:
    return Attachment.objects.filter(id=attachment["id"]).exists()


def left_behind(attachment: Json, status: str) -> None:
    """As a process leaves it that dies at this point."""
    Attachment.objects.filter(id=attachment["id"]).update(status=status, record=None)


def test_they_run_by_themselves() -> None:
    for name in ("discard_unclaimed", "give_up_uploads", "remove_gone"):
        assert jobs[f"attachments.{name}"].every is not None


def test_a_file_that_is_never_sent_goes_after_a_day(patient: httpx.Client, c1: str, shelf: Shelf, later: Later) -> None:
    """With its thumbnail, and with an entry in the log."""
    made = uploaded(patient, c1, picture(), "a.png", "image/png")
    assert len(shelf.all()) == 2
    later(hours=23, minutes=59)
    sweep()
    assert is_there(made)
    later(hours=24, minutes=1)
    sweep()
    assert not is_there(made)
    assert shelf.all() == []
    [entry] = entries("file.discarded")
    assert (entry.actor, str(entry.object), entry.reason) == (SYSTEM_ID, made["id"], "unclaimed")
    answered_with = patient.get(f"{API}/attachments/{made['id']}")
    assert answered_with.status_code == 404


def test_from_the_sweep_on_it_cannot_be_sent(patient: httpx.Client, c1: str, shelf: Shelf, later: Later) -> None:
    made = uploaded(patient, c1)
    later(hours=25)
    discard_unclaimed()
    body = {"content": "too late", "attachmentIds": [made["id"]]}
    assert patient.post(f"{API}/conversations/{c1}/messages", json=body).status_code == 400


def test_a_file_that_was_sent_stays(patient: httpx.Client, c1: str, shelf: Shelf, later: Later) -> None:
    made = uploaded(patient, c1)
    send(patient, c1, "here", attachmentIds=[made["id"]])
    later(days=400)
    sweep()
    assert is_there(made)
    assert len(shelf.all()) == 1
    assert entries("file.discarded") == []


@pytest.mark.parametrize("status", ["scanning", "infected", "unscannable"])
def test_one_that_nobody_can_send_goes_too(
    patient: httpx.Client, c1: str, shelf: Shelf, later: Later, status: str
) -> None:
    made = uploaded(patient, c1)
    Attachment.objects.filter(id=made["id"]).update(status=status)
    later(hours=25)
    sweep()
    assert not is_there(made)
    assert shelf.all() == []


def test_an_upload_that_never_ended_goes_after_an_hour(
    patient: httpx.Client, c1: str, shelf: Shelf, later: Later
) -> None:
    """T086: the process died; nobody was ever told of such a file, and nothing is said of it."""
    made = uploaded(patient, c1)
    left_behind(made, Status.UPLOADING)
    later(minutes=59)
    sweep()
    assert row_of(made).status == "uploading"
    later(minutes=61)
    sweep()
    assert not is_there(made)
    assert shelf.all() == []
    assert entries("file.discarded") == []


def test_one_that_failed_goes_at_once(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    left_behind(made, Status.FAILED)
    sweep()
    assert not is_there(made)
    assert shelf.all() == []


def test_an_upload_that_never_got_as_far_as_an_object_goes_as_well(
    patient: httpx.Client, c1: str, shelf: Shelf, later: Later
) -> None:
    made = uploaded(patient, c1)
    shelf.object_of(made).unlink()
    left_behind(made, Status.UPLOADING)
    later(hours=2)
    sweep()
    assert not is_there(made)


def test_what_was_discarded_or_went_with_its_message_is_removed(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    discarded, sent, kept = (uploaded(patient, c1) for _ in range(3))
    take_back(patient, discarded)
    message = send(patient, c1, "here", attachmentIds=[sent["id"]])
    send(patient, c1, "here too", attachmentIds=[kept["id"]])
    assert patient.delete(f"{API}/messages/{message['id']}").is_success
    assert len(shelf.all()) == 3
    remove_gone()
    assert shelf.all() == [shelf.object_of(kept)]
    assert [str(id_) for id_ in Attachment.objects.values_list("id", flat=True)] == [kept["id"]]


def test_a_repeat_after_half_of_it_does_the_rest(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    """The process died between the object and its row."""
    made = uploaded(patient, c1)
    take_back(patient, made)
    shelf.object_of(made).unlink()
    remove_gone()
    remove_gone()
    assert not is_there(made)


def test_while_the_storage_is_away_no_row_is_forgotten(
    patient: httpx.Client, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T141: what is in the storage can still be found when it is back."""
    made = uploaded(patient, c1)
    take_back(patient, made)
    with monkeypatch.context() as away:
        away.setattr(type(object_store()), "delete", _refuse)
        with pytest.raises(StorageUnavailable):
            remove_gone()
    assert is_there(made)
    remove_gone()
    assert not is_there(made)
    assert shelf.all() == []


def _refuse(store: object, key: str) -> None:
    raise StorageUnavailable


def test_one_that_cannot_be_removed_keeps_no_other_waiting(
    patient: httpx.Client, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = uploaded(patient, c1), uploaded(patient, c1)
    for made in (stuck, other):
        take_back(patient, made)
    with monkeypatch.context() as patch:
        stick(patch, stuck)
        with pytest.raises(StorageUnavailable):
            remove_gone()
        assert (is_there(stuck), is_there(other)) == (True, False)
        assert shelf.all() == [shelf.object_of(stuck)]
    remove_gone()
    assert (is_there(stuck), shelf.all()) == (False, [])


def test_nor_do_many_of_them(patient: httpx.Client, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several end a run, which may be an outage; the next run begins with others."""
    monkeypatch.setattr(sweeping, "_MOST_FAILURES", 2)
    *stuck, other = (uploaded(patient, c1) for _ in range(4))
    for made in (*stuck, other):
        take_back(patient, made)
    stick(monkeypatch, *stuck)
    for expected in (True, False):
        with pytest.raises(StorageUnavailable):
            remove_gone()
        assert is_there(other) is expected
    assert [is_there(made) for made in stuck] == [True] * 3


def test_nor_one_whose_key_was_altered(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    altered, other = uploaded(patient, c1), uploaded(patient, c1)
    for made in (altered, other):
        take_back(patient, made)
    Attachment.objects.filter(id=altered["id"]).update(storage_key="../elsewhere")
    with pytest.raises(ValueError, match="a key of the storage"):
        remove_gone()
    assert (is_there(altered), is_there(other)) == (True, False)


def stick(patch: pytest.MonkeyPatch, *made: Json) -> None:
    """The objects of these cannot be removed."""
    keys, real = {row_of(one).storage_key for one in made}, LocalStore._remove

    def remove(self: LocalStore, key: str) -> None:
        if key in keys:
            raise PermissionError
        real(self, key)

    patch.setattr(LocalStore, "_remove", remove)


def test_a_run_ends_in_time_and_the_next_one_goes_on(
    patient: httpx.Client, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other work of the same worker waits meanwhile, the seals of the audit log too."""
    row = row_of(uploaded(patient, c1))
    Attachment.objects.bulk_create(_copies(row, 40))
    Attachment.objects.update(gone_at=now())
    slow, real = threading.Event(), LocalStore._remove

    def remove(self: LocalStore, key: str) -> None:
        slow.wait(0.02)
        real(self, key)

    monkeypatch.setattr(LocalStore, "_remove", remove)
    monkeypatch.setattr(sweeping, "_AT_A_TIME", 0.2)
    remove_gone()
    assert 0 < Attachment.objects.count() < 41
    monkeypatch.setattr(sweeping, "_AT_A_TIME", 600.0)
    remove_gone()
    assert not Attachment.objects.exists()


def test_many_go_in_one_run(
    patient: httpx.Client, c1: str, shelf: Shelf, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than are taken at once."""
    monkeypatch.setattr(sweeping, "_AT_A_TIME", 600.0)
    made = row_of(uploaded(patient, c1))
    Attachment.objects.bulk_create(_copies(made, 450))
    later(hours=25)
    sweep()
    assert not Attachment.objects.exists()
    assert len(entries("file.discarded")) == 451


def _copies(row: Attachment, count: int) -> list[Attachment]:
    columns = ("conversation_id", "owner_id", "status", "epoch", "file_key", "record", "created_at")
    same = {name: getattr(row, name) for name in columns}
    return [Attachment(id=UUID(int=n), storage_key=f"{n:032x}", **same) for n in range(1, count + 1)]
