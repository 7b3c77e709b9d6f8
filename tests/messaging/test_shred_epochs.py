"""Keys of months of which nothing is left are destroyed, and no other: what still lies in old copies opens no more."""

from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from core import process
from core.actor import SYSTEM
from core.errors import Shredded
from encryption.formats import blob_epoch
from encryption.keyring import keyring, reset_keyring
from encryption.models import DataKey, Shred
from messaging.bodies import open_body
from messaging.models import Conversation, Message
from messaging.querysets import messages_by_id
from messaging.rows import MessageRow
from retention.services import lift_hold
from tests.messaging.files import send_files, upload
from tests.messaging.removing import Later, in_month, later, nothing_is_wrong, removed, swept
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, entries, entry_details, page, send
from tests.people import Person
from tests.retention.running import hold

__all__ = ["in_month", "later"]

pytestmark = pytest.mark.core

InMonth = Callable[[str], None]


def row_of_message(message: Json) -> MessageRow:
    return messages_by_id([UUID(message["id"])])[UUID(message["id"])]


def opens(row: MessageRow) -> bool:
    """Whether a row of an older copy opens with the present vault."""
    reset_keyring()
    try:
        return bool(open_body(row).content)
    except Shredded:
        return False


def shredded(conversation_id: str) -> list[int | None]:
    return list(
        Shred.objects.filter(conversation=UUID(conversation_id)).order_by("epoch").values_list("epoch", flat=True)
    )


def deleted(client: httpx.Client, message: Json) -> None:
    answered(client.delete(f"{API}/messages/{message['id']}"))


def test_the_key_of_a_month_goes_with_its_last_message(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later
) -> None:
    in_month("2020-01")
    one, two = send(patient, c1, "one"), send(patient, c1, "two")
    in_month("2020-02")
    kept = send(patient, c1, "kept")
    copies = [row_of_message(message) for message in (one, two, kept)]
    assert [blob_epoch(copy.body) for copy in copies] == [1, 1, 2]
    deleted(patient, one)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(c1) == []
    assert [opens(copy) for copy in copies] == [True, True, True]
    deleted(patient, two)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(c1) == [1]
    assert [opens(copy) for copy in copies] == [False, False, True]
    [entry] = entries("keys.shredded")
    assert (str(entry.conv), entry_details(entry)) == (c1, {"epochs": [1]})
    assert page(patient, c1)["results"] == [kept]
    assert not Conversation.objects.get(pk=UUID(c1)).has_leftovers
    nothing_is_wrong()


def test_what_was_edited_later_lives_and_dies_with_its_month(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later
) -> None:
    in_month("2020-01")
    edited, gone = send(patient, c1, "edited"), send(patient, c1, "gone")
    in_month("2020-02")
    answered(patient.patch(f"{API}/messages/{edited['id']}", json={"content": "edited again"}))
    send(patient, c1)
    deleted(patient, gone)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(c1) == []
    assert page(patient, c1)["results"][0]["content"] == "edited again"


def test_the_present_month_keeps_its_key_until_it_is_over(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = send(patient, c1)
    copy = row_of_message(message)
    deleted(patient, message)
    moment = later(days=91)
    monkeypatch.setattr("messaging.removal.leftovers.period_of", lambda _: moment.strftime("%Y-%m")[:0])
    assert removed() == (1, 0)
    assert opens(copy)
    assert Conversation.objects.get(pk=UUID(c1)).has_leftovers
    monkeypatch.undo()
    later(days=91)
    assert removed() == (0, 0)
    assert not opens(copy)
    assert not Conversation.objects.get(pk=UUID(c1)).has_leftovers


def test_evidence_keeps_the_key_of_its_month(
    c1: str, patient: httpx.Client, doctor: httpx.Client, in_month: InMonth, later: Later
) -> None:
    in_month("2020-01")
    message = send(patient, c1)
    answered(doctor.post(f"{API}/messages/{message['id']}/report", json={"reason": "spam"}), 201)
    deleted(patient, message)
    in_month("2020-02")
    send(patient, c1)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(c1) == []


def test_a_file_keeps_it_until_it_is_swept(
    pat1: Person, c1: str, patient: httpx.Client, in_month: InMonth, later: Later
) -> None:
    in_month("2020-01")
    message = send_files(patient, c1, upload(pat1, c1), content="x")
    in_month("2020-02")
    send(patient, c1)
    deleted(patient, message)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(c1) == []
    swept()
    assert removed() == (0, 0)
    assert shredded(c1) == [1]


def test_an_event_keeps_it_until_its_own_time_is_over_and_a_name_is_sealed_anew(
    teacher: Person,
    student: Person,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    in_month: InMonth,
    later: Later,
) -> None:
    in_month("2020-01")
    room = room_of(teacher, student, name="First")
    answered(as_teacher.patch(f"{API}/conversations/{room}", json={"name": "Cardiology"}))
    message = send(as_teacher, room)
    deleted(as_teacher, message)
    later(days=91)
    assert removed() == (1, 0)
    assert shredded(room) == []
    later(days=366)
    assert removed("messaging.events") == (1, 0)
    assert shredded(room) == [1]
    assert answered(as_student.get(f"{API}/conversations/{room}"))["name"] == "Cardiology"
    details = Conversation.objects.get(pk=UUID(room)).details
    assert details is not None
    assert blob_epoch(details) == 2
    nothing_is_wrong()


def test_a_held_conversation_keeps_its_keys(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older copy may be what a court asks for."""
    in_month("2020-01")
    message = send(patient, c1)
    deleted(patient, message)
    in_month("2020-02")
    send(patient, c1)
    later(days=91)
    monkeypatch.setattr("messaging.retention.leftovers.settle", lambda: iter(()))
    removed()
    monkeypatch.undo()
    later(days=91)
    placed = hold("conversation", c1)
    removed()
    assert shredded(c1) == []
    lift_hold(actor=SYSTEM, hold=placed)
    removed()
    assert shredded(c1) == [1]


def test_a_conversation_goes_on_under_a_new_key(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later
) -> None:
    in_month("2020-01")
    deleted(patient, send(patient, c1))
    later(days=91)
    removed()
    assert shredded(c1) == [1]
    in_month("2020-01")
    keyring().forget(UUID(c1))
    message = send(patient, c1, "again")
    assert page(patient, c1)["results"] == [message]
    assert list(DataKey.objects.filter(conversation=UUID(c1)).order_by("epoch").values_list("epoch", "state")) == [
        (1, "shredded"),
        (2, "active"),
    ]
    assert Message.objects.count() == 1


def test_a_key_that_an_older_vault_brings_back_goes_with_the_next_run(
    c1: str, patient: httpx.Client, in_month: InMonth, later: Later, tamper: Callable[..., int]
) -> None:
    """Whoever restores the vault of before: nothing was removed since, and all the same it is looked at again."""
    in_month("2020-01")
    gone = send(patient, c1, "gone")
    copy = row_of_message(gone)
    before = DataKey.objects.get(conversation=UUID(c1), epoch=1)
    in_month("2020-02")
    kept = send(patient, c1, "kept")
    deleted(patient, gone)
    later(days=91)
    removed()
    assert not opens(copy)
    assert not Conversation.objects.get(pk=UUID(c1)).has_leftovers
    DataKey.objects.filter(pk=before.pk).update(state=before.state, blob=before.blob)
    assert tamper("DELETE FROM vault_shred") == 1
    assert opens(copy)
    process.require_preconditions()
    removed()
    assert not opens(copy)
    assert shredded(c1) == [1]
    assert page(patient, c1)["results"] == [kept]
    assert not Conversation.objects.get(pk=UUID(c1)).has_leftovers
