"""What is held stays: whoever deletes it, however it would end by itself, and for as long as the hold lasts."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from core.actor import SYSTEM
from core.retention import rules
from core.time import now
from messaging.expiry import expire_messages
from messaging.models import Message
from messaging.removal import messages as removal
from retention.schedules import schedule_now
from retention.services import lift_hold
from tests.live import Server
from tests.messaging.files import content_of, row_of, send_files, upload
from tests.messaging.removing import Later, later, nothing_is_wrong, removed, swept
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, contents, entries, page, refused, send, stored
from tests.people import Person
from tests.retention.running import hold
from tests.sockets import Refusal, connect

__all__ = ["later"]

pytestmark = pytest.mark.core

CLOCKS = ("messaging.rows.now", "messaging.querysets.chosen.now")


def lift(placed: object) -> None:
    lift_hold(actor=SYSTEM, hold=placed)  # type: ignore[arg-type]  # what `hold` has returned


def test_nobody_deletes_a_message_that_is_held(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(patient, c1)
    placed = hold("conversation", c1)
    problem = refused(patient.delete(f"{API}/messages/{message['id']}"), 409, "legal_hold")
    assert problem["detail"] == "It cannot be deleted now."
    with connect(server, pat1.token) as client:
        with pytest.raises(Refusal) as refusal:
            client.ask("message:delete", {"messageId": message["id"]})
        assert refusal.value.error == {"code": "legal_hold", "detail": "It cannot be deleted now."}
        client.nothing_arrives()
    assert page(doctor, c1)["results"] == [message]
    assert entries("message.deleted") == []
    lift(placed)
    answered(patient.delete(f"{API}/messages/{message['id']}"))


def test_who_may_not_delete_it_learns_nothing_of_the_hold(
    c1: str, patient: httpx.Client, doctor: httpx.Client, stranger: httpx.Client
) -> None:
    message = send(patient, c1)
    hold("conversation", c1)
    refused(doctor.delete(f"{API}/messages/{message['id']}"), 403, "forbidden")
    refused(stranger.delete(f"{API}/messages/{message['id']}"), 404, "not_found")


def test_nobody_deletes_a_conversation_that_is_held(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """A hold on one member is enough, also on one who left."""
    room = room_of(teacher, student)
    message = send(as_teacher, room)
    assert as_student.post(f"{API}/conversations/{room}/leave").status_code == 204
    placed = hold("user", student.id)
    refused(as_teacher.delete(f"{API}/conversations/{room}"), 409, "legal_hold")
    assert page(as_teacher, room)["results"][0] == message
    lift(placed)
    assert as_teacher.delete(f"{API}/conversations/{room}").status_code == 204


def test_what_is_sent_to_disappear_disappears_and_is_kept(
    pat1: Person,
    teacher: Person,
    student: Person,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From its moment on a tombstone to everybody; its text stays until the hold is lifted."""
    room = room_of(teacher, student)
    letter = upload(teacher, room)
    message = send_files(as_teacher, room, letter, content="for a minute", expiresInSeconds=60)
    placed = hold("conversation", room)
    for clock in CLOCKS:
        monkeypatch.setattr(clock, lambda: now() + timedelta(seconds=61))
    expire_messages()
    for client in (as_teacher, as_student):
        [shown] = page(client, room)["results"]
        assert (shown["content"], shown["isDeleted"], shown["attachments"]) == (None, True, [])
    row = stored(message)
    assert (row.deleted_at, bool(row.body), row_of(letter).gone_at) == (None, True, None)
    swept()
    assert content_of(letter)
    lift(placed)
    expire_messages()
    assert bytes(stored(message).body) == b""
    assert row_of(letter).gone_at is not None
    nothing_is_wrong()


def test_those_that_are_held_keep_no_others_waiting(
    teacher: Person, student: Person, as_teacher: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.expiry._AT_ONCE", 2)
    kept, other = room_of(teacher, student), room_of(teacher)
    for _ in range(3):
        send(as_teacher, kept, "kept", expiresInSeconds=1)
    gone = send(as_teacher, other, "gone", expiresInSeconds=2)
    hold("user", student.id)
    for clock in CLOCKS:
        monkeypatch.setattr(clock, lambda: now() + timedelta(seconds=61))
    expire_messages()
    assert bytes(stored(gone).body) == b""
    assert Message.objects.filter(conversation=UUID(kept), deleted_at=None).count() == 3


@pytest.mark.parametrize("kind", ["conversation", "user"])
def test_retention_passes_over_it_until_the_hold_is_lifted(
    pat1: Person, c1: str, c2: str, patient: httpx.Client, stranger: httpx.Client, later: Later, kind: str
) -> None:
    """T154."""
    letter = upload(pat1, c1)
    message = send_files(patient, c1, letter, content="kept")
    deleted = send(patient, c1, "deleted before")
    answered(patient.delete(f"{API}/messages/{deleted['id']}"))
    send(stranger, c2)
    placed = hold(kind, c1 if kind == "conversation" else pat1.id)
    later(days=2558)
    assert removed() == (1, 0)
    swept()
    assert contents(page(patient, c1)["results"]) == ["kept", None]
    assert page(patient, c1)["results"][0] == message
    assert content_of(letter)
    lift(placed)
    assert removed() == (2, 1)
    assert page(patient, c1)["results"] == []
    nothing_is_wrong()


def test_a_hold_that_comes_in_the_middle_saves_what_is_left(
    pat1: Person, c1: str, patient: httpx.Client, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches."""
    for _ in range(4):
        send(patient, c1)
    monkeypatch.setattr(removal, "BATCH", 2)
    later(days=2558)
    rule = rules["messaging.messages"]
    batches = rule.purge(schedule_now(rule))
    next(batches)
    hold("conversation", c1)
    for _ in batches:
        pass
    assert Message.objects.filter(conversation=UUID(c1)).count() == 2
