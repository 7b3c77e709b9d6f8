"""A conversation is destroyed: keys first, then everything else; and it does not come back with an older copy."""

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.core import serializers as dumping
from django.core.management import CommandError, call_command
from django.db import transaction

from attachments.models import Attachment
from attachments.storage import ObjectGone, object_store
from core.actor import SYSTEM
from core.errors import Forbidden, LegalHold, Shredded
from core.jobs import run_due
from core.models import Task
from encryption import shredding
from encryption.keyring import reset_keyring
from encryption.models import DataKey, Installation, Shred
from messaging import querysets
from messaging.bodies import open_body
from messaging.models import (
    Conversation,
    Membership,
    Message,
    MessageEdit,
    RemovedMessage,
    Report,
    RoomWord,
    WatermarkMove,
)
from messaging.services import shred_conversation
from messaging.services.shredding import shredded_conversations
from realtime import streams
from realtime.models import Event
from retention.services import lift_hold
from tests.live import Server
from tests.messaging.files import content_of, row_of, send_files, upload
from tests.messaging.marks import marked
from tests.messaging.removing import Later, later, nothing_is_wrong, removed, swept
from tests.messaging.rooms import add, leave, room_of
from tests.messaging.talking import (
    API,
    answered,
    entries,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person, client_for, make_person
from tests.retention.running import hold
from tests.sockets import Refusal, connect

__all__ = ["later"]

pytestmark = pytest.mark.core

JOB = "messaging.remove_shredded"


@pytest.fixture
def officer(database: None) -> Person:
    """Staff who may destroy conversations."""
    person = make_person("officer", "staff")
    person.user.is_staff = True
    person.user.save(update_fields=["is_staff"])
    person.user.user_permissions.add(Permission.objects.get(codename="shred_conversation"))
    return person


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    """Keys of destroyed conversations stay in no memory that other tests use."""
    yield
    reset_keyring()


def shred(officer: Person, conversation_id: str) -> None:
    subject = Conversation.objects.get(pk=UUID(conversation_id))
    shred_conversation(actor=officer.actor, subject=subject, reason="erasure")


def worked() -> None:
    """A worker has done what was to be done."""
    Task.objects.exclude(name=JOB).delete()
    run_due()
    assert not Task.objects.filter(name=JOB).exclude(state="done").exists()


# ---- Who hears what ------------------------------------------------------------------------------------------------


def asked(client: httpx.Client, conversation: str, message: str, file: str) -> list[httpx.Response]:
    """Every way to read it by REST."""
    here, said = f"{API}/conversations/{conversation}", f"{API}/messages/{message}"
    return [
        client.get(here),
        client.get(f"{here}/messages"),
        client.get(f"{here}/events"),
        client.get(f"{here}/members"),
        client.get(f"{here}/pins"),
        client.get(f"{here}/receipts"),
        client.get(said),
        client.get(f"{said}/edits"),
        client.get(f"{said}/thread"),
        client.get(f"{said}/receipts"),
        client.get(f"{API}/attachments/{file}"),
        client.post(f"{API}/attachments/{file}/url", json={}),
        post(client, conversation),
        client.patch(said, json={"content": "x"}),
        client.delete(said),
        client.put(f"{here}/read", json={"seq": 1}),
        client.delete(here),
    ]


def test_members_are_told_that_it_is_gone_and_nobody_else_is(
    pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, stranger: httpx.Client, officer: Person
) -> None:
    file = upload(pat1, c1)
    message = send_files(patient, c1, file, content="until it is gone")
    nothing = str(uuid4())
    exists = [response.status_code for response in asked(doctor, c1, message["id"], file)]
    assert 404 not in exists[:12]
    shred(officer, c1)
    for response in asked(doctor, c1, message["id"], file):
        assert (response.status_code, response.json()["code"]) == (410, "shredded"), response.request
    pairs = zip(asked(stranger, c1, message["id"], file), asked(stranger, nothing, nothing, nothing), strict=True)
    for here, nowhere in pairs:
        one, other = refused(here, 404, "not_found"), refused(nowhere, 404, "not_found")
        assert same_but_for_the_request_id(one, other)
    for client in (patient, doctor):
        assert answered(client.get(f"{API}/conversations"))["results"] == []
    worked()
    for response in asked(doctor, c1, message["id"], file)[:10]:
        refused(response, 410, "shredded")
    for here, _ in zip(asked(stranger, c1, message["id"], file), range(10), strict=False):
        refused(here, 404, "not_found")


def test_who_had_left_is_told_nothing(
    teacher: Person, student: Person, classmate: Person, as_student: httpx.Client, server: Server, officer: Person
) -> None:
    room = room_of(teacher, student, classmate)
    with client_for(classmate, server) as as_classmate:
        assert leave(as_classmate, room).status_code == 204
        shred(officer, room)
        worked()
        refused(as_classmate.get(f"{API}/conversations/{room}"), 404, "not_found")
        refused(as_student.get(f"{API}/conversations/{room}"), 410, "shredded")


def test_what_was_before_somebody_came_is_not_there_for_them(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client, officer: Person
) -> None:
    room = room_of(teacher, history="since_joining")
    before = send(as_teacher, room, "before")
    answered(add(as_teacher, room, student), 201)
    behind = send(as_teacher, room, "behind")
    shred(officer, room)
    for _ in range(2):
        refused(as_student.get(f"{API}/messages/{before['id']}"), 404, "not_found")
        refused(as_student.get(f"{API}/messages/{behind['id']}"), 410, "shredded")
        worked()


def test_sockets_lose_it_and_asked_by_them_it_is_gone(
    server: Server, pat1: Person, doc1: Person, pat2: Person, c1: str, patient: httpx.Client, officer: Person
) -> None:
    message = send(patient, c1)
    with connect(server, doc1.token) as client, connect(server, pat2.token) as other:
        shred(officer, c1)
        assert client.next_event("conversation:removed")["data"]["conversationId"] == c1
        for event, data in (
            ("conversation:messages", {"conversationId": c1}),
            ("conversation:events", {"conversationId": c1}),
            ("message:new", {"conversationId": c1, "content": "x"}),
            ("message:edit", {"messageId": message["id"], "content": "x"}),
            ("message:delete", {"messageId": message["id"]}),
        ):
            with pytest.raises(Refusal) as gone:
                client.ask(event, data)
            assert gone.value.code == "shredded", event
            with pytest.raises(Refusal) as missing:
                other.ask(event, data)
            assert missing.value.code == "not_found", event


def test_a_client_that_comes_back_is_told(
    server: Server, doc1: Person, pat2: Person, c1: str, c2: str, patient: httpx.Client, officer: Person
) -> None:
    send(patient, c1)
    with connect(server, doc1.token) as client:
        resume = {"epoch": client.hello["epoch"], "cursors": {c1: 1, str(uuid4()): 3}}
        shred(officer, c1)
        client.next_event("conversation:removed")
        client.send({"type": "resume", **resume})
        told = client.next_frame_where(lambda frame: frame.get("type") == "resync")
        assert told == {"type": "resync", "conversationId": c1, "reason": "shredded"}
    with connect(server, doc1.token, resume=resume) as client:
        told = client.next_frame_where(lambda frame: frame.get("type") == "resync")
        assert told == {"type": "resync", "conversationId": c1, "reason": "shredded"}
    with connect(server, pat2.token, resume=resume) as client:
        client.next_frame_where(lambda frame: frame.get("type") == "resumed")
        assert [frame for frame in client.kept() if frame.get("type") == "resync"] == []


# ---- Who may -------------------------------------------------------------------------------------------------------


def test_it_takes_a_right_of_its_own(doc1: Person, adm1: Person, staff: Person, c1: str, officer: Person) -> None:
    for person in (doc1, staff):
        with pytest.raises(Forbidden):
            shred(person, c1)
    assert entries("conversation.shredded") == []
    shred(officer, c1)
    shred(officer, c1)
    [entry] = entries("conversation.shredded", officer)
    assert (str(entry.object), entry.reason) == (c1, "erasure")
    assert Shred.objects.count() == 1


def test_what_is_held_is_not_destroyed(c1: str, patient: httpx.Client, officer: Person) -> None:
    message = send(patient, c1)
    placed = hold("conversation", c1)
    with pytest.raises(LegalHold):
        shred(officer, c1)
    assert page(patient, c1)["results"] == [message]
    assert Shred.objects.count() == 0
    lift_hold(actor=SYSTEM, hold=placed)
    shred(officer, c1)
    refused(patient.get(f"{API}/conversations/{c1}"), 410, "shredded")


# ---- Nothing is left -----------------------------------------------------------------------------------------------


def test_no_row_and_no_object_is_left(
    pat1: Person, c1: str, c2: str, patient: httpx.Client, doctor: httpx.Client, stranger: httpx.Client, officer: Person
) -> None:
    sent, unsent = upload(pat1, c1, thumbnail=b"small"), upload(pat1, c1)
    objects = [row_of(sent).storage_key, row_of(sent).thumbnail_key, row_of(unsent).storage_key]
    message = send_files(patient, c1, sent, content="x")
    answered(patient.patch(f"{API}/messages/{message['id']}", json={"content": "y"}))
    answered(doctor.patch(f"{API}/conversations/{c1}", json={"tags": ["fever"]}))
    answered(doctor.post(f"{API}/messages/{message['id']}/report", json={"reason": "spam"}), 201)
    marked(doctor, c1, "read", 1)
    other = send(stranger, c2)
    shred(officer, c1)
    worked()
    swept()
    here: list[Any] = [
        Message.objects.filter(conversation=UUID(c1)),
        MessageEdit.objects.all(),
        Event.objects.filter(stream=UUID(c1)),
        Attachment.objects.all(),
        Report.objects.all(),
        RoomWord.objects.all(),
        WatermarkMove.objects.filter(membership__conversation=UUID(c1)),
        DataKey.objects.filter(conversation=UUID(c1)).exclude(blob=None),
    ]
    for rows in here:
        assert not rows.exists(), rows.model
    assert Conversation.objects.get(pk=UUID(c1)).details is None
    for key in objects:
        with pytest.raises(ObjectGone):
            object_store().size(str(key))
    assert page(stranger, c2)["results"] == [other]
    nothing_is_wrong()


def test_another_conversation_of_the_same_people_can_be_opened(
    pat1: Person, doc1: Person, c1: str, doctor: httpx.Client, officer: Person
) -> None:
    shred(officer, c1)
    made = answered(
        doctor.post(f"{API}/conversations", json={"patientId": str(pat1.id), "providerId": str(doc1.id)}), 201
    )
    assert made["id"] != c1
    send(doctor, made["id"])


def test_an_interrupted_removal_is_finished_by_the_next_worker(
    c1: str, patient: httpx.Client, officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from messaging.removal import shredded

    for _ in range(5):
        send(patient, c1)
    shred(officer, c1)
    monkeypatch.setattr(shredded, "BATCH", 2)
    with monkeypatch.context() as broken:
        broken.setattr(shredded, "remove_events", None)
        with pytest.raises(TypeError):
            shredded.remove_shredded(UUID(c1))
    assert Event.objects.filter(stream=UUID(c1)).exists()
    shredded.remove_shredded(UUID(c1))
    assert not Event.objects.filter(stream=UUID(c1)).exists()
    nothing_is_wrong()


# ---- Older copies --------------------------------------------------------------------------------------------------


class Copy:
    """Rows of a conversation as an older copy of the data has them: everything but the vault."""

    def __init__(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self._applied = Installation.objects.get().shreds_applied
        rows = [
            *Conversation.objects.filter(pk=UUID(conversation_id)),
            *Membership.objects.filter(conversation=UUID(conversation_id)),
            *Message.objects.filter(conversation=UUID(conversation_id)).order_by("seq"),
            *Event.objects.filter(stream=UUID(conversation_id)),
            *Attachment.objects.filter(conversation_id=conversation_id),
        ]
        self._rows = dumping.serialize("json", rows)

    def restore(self) -> None:
        RemovedMessage.objects.filter(conversation_id=self._conversation_id).delete()
        for row in dumping.deserialize("json", self._rows):
            row.save()
        Installation.objects.update(shreds_applied=self._applied)


def test_an_older_copy_of_the_data_opens_nothing_with_the_present_vault(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, officer: Person
) -> None:
    """What `manage.py backup` has of the data is no way around it."""
    file = upload(pat1, c1)
    message = send_files(patient, c1, file, content="until it is gone")
    copy = Copy(c1)
    shred(officer, c1)
    worked()
    copy.restore()
    reset_keyring()
    row = querysets.messages_by_id([UUID(message["id"])])[UUID(message["id"])]
    with pytest.raises(Shredded):
        open_body(row)
    with pytest.raises(Shredded):
        content_of(file)
    with transaction.atomic():
        found = streams.frames(streams.read([(UUID(c1), 0, None)]))
    assert [frame["data"]["content"] for frame in found] == [None]


def test_before_anybody_is_served_the_older_copy_is_told_what_is_gone(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, officer: Person
) -> None:
    """T144: the ledger is in the vault, and the data know how far they have followed it."""
    message = send(patient, c1)
    copy = Copy(c1)
    shred(officer, c1)
    worked()
    copy.restore()
    assert page(patient, c1)["results"][0]["contentError"] == "shredded"
    refused(httpx.get(f"{server.url}/health/ready"), 503, "starting")
    assert shredding.replay() == 1
    assert shredding.replay() == 0
    assert httpx.get(f"{server.url}/health/ready").status_code == 200
    refused(patient.get(f"{API}/conversations/{c1}"), 410, "shredded")
    worked()
    refused(patient.get(f"{API}/messages/{message['id']}"), 410, "shredded")
    assert not Message.objects.filter(conversation=UUID(c1)).exists()
    assert not Event.objects.filter(stream=UUID(c1)).exists()


def test_a_vault_that_is_older_than_the_data_is_told_too(
    c1: str, patient: httpx.Client, officer: Person, tamper: Callable[..., int]
) -> None:
    """Somebody restores the vault of yesterday: the keys are back, and the ledger does not know."""
    send(patient, c1)
    key = DataKey.objects.get(conversation=UUID(c1))
    shred(officer, c1)
    DataKey.objects.filter(pk=key.pk).update(state=key.state, blob=key.blob)
    assert tamper("DELETE FROM vault_shred") == 1
    assert shredding.is_behind()
    assert [str(id_) for id_ in shredded_conversations()] == [c1]
    shredding.replay()
    assert not shredding.is_behind()
    assert DataKey.objects.get(pk=key.pk).blob is None
    assert Shred.objects.get().reason == shredding.RESTORED


def test_an_entry_that_was_taken_off_the_ledger_comes_back_although_its_key_does_not(
    c1: str, patient: httpx.Client, officer: Person, tamper: Callable[..., int]
) -> None:
    """The data know what was destroyed: an older copy of them shall be told as well."""
    send(patient, c1)
    shred(officer, c1)
    assert tamper("DELETE FROM vault_shred") == 1
    shredding.replay()
    assert (str(Shred.objects.get().conversation), Shred.objects.get().reason) == (c1, shredding.RESTORED)
    assert not shredding.is_behind()


def test_keys_of_a_conversation_that_is_no_more_do_not_come_back_either(
    teacher: Person, student: Person, as_teacher: httpx.Client, later: Later, tamper: Callable[..., int]
) -> None:
    """Retention has removed its row, and an older vault brings its key."""
    room = room_of(teacher, student)
    send(as_teacher, room)
    key = DataKey.objects.get(conversation=UUID(room))
    assert as_teacher.delete(f"{API}/conversations/{room}").status_code == 204
    for _ in range(3):
        later(days=500)
        removed()
    assert not Conversation.objects.filter(pk=UUID(room)).exists()
    assert DataKey.objects.get(pk=key.pk).blob is None
    DataKey.objects.filter(pk=key.pk).update(state=key.state, blob=key.blob)
    assert tamper("DELETE FROM vault_shred")
    shredding.replay()
    assert DataKey.objects.get(pk=key.pk).blob is None
    assert Shred.objects.get().reason == shredding.RESTORED


# ---- At a terminal -------------------------------------------------------------------------------------------------


def told_by(*arguments: str) -> str:
    out = StringIO()
    call_command("shred_conversation", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_asks_first_and_then_does_it(c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    assert "A clinical conversation with 1 messages would be destroyed." in told_by(c1, "--reason", "erasure")
    assert page(patient, c1)["results"] == [message]
    assert "Destroyed." in told_by(c1, "--reason", "erasure", "--yes")
    refused(patient.get(f"{API}/conversations/{c1}"), 410, "shredded")
    [entry] = entries("conversation.shredded")
    assert (entry.actor, entry.reason) == (SYSTEM.id, "erasure")
    when = Conversation.objects.get(pk=UUID(c1)).shredded_at
    assert when is not None
    for again in (("--yes",), ()):
        assert f"It was destroyed on {when:%Y-%m-%d}" in told_by(c1, "--reason", "erasure", *again)
    assert len(entries("conversation.shredded")) == 1


def test_the_command_says_why_it_does_not(c1: str) -> None:
    for arguments, sentence in (
        ((str(uuid4()), "--reason", "erasure", "--yes"), "There is no such conversation."),
        ((c1, "--reason", "Mrs. Smith asked", "--yes"), "The reason is a code"),
    ):
        with pytest.raises(CommandError, match=sentence):
            told_by(*arguments)
    hold("conversation", c1)
    with pytest.raises(CommandError, match=r"It cannot be deleted now\."):
        told_by(c1, "--reason", "erasure", "--yes")
    assert not Shred.objects.exists()
