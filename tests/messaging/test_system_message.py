"""What the server itself says: for jobs and other services, by the user `system`."""

from uuid import UUID, uuid4

import httpx
import pytest

import audit
from accounts import services as accounts
from core.actor import SYSTEM, SYSTEM_ID
from core.errors import IdempotencyConflict, InvalidText, NotFound
from messaging.models import Conversation, Membership
from messaging.services import ensure_clinical_conversation, post_system_message, send_system_message
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, entries, head_of, page, post, refused, send, stored
from tests.people import Person
from tests.sockets import connect


@pytest.mark.core
def test_everybody_hears_it_from_the_system(server: Server, pat1: Person, c1: str, patient: httpx.Client) -> None:
    with connect(server, pat1.token) as client:
        said = send_system_message(conversation_id=UUID(c1), content="K<3.5: call the ward", priority="urgent")
        event = client.next_event("message:new")
    assert (event["seq"], event["actorId"]) == (1, str(SYSTEM_ID))
    [listed] = page(patient, c1)["results"]
    assert event["data"] == listed
    assert (listed["id"], listed["content"]) == (str(said["id"]), "K<3.5: call the ward")
    assert (listed["senderId"], listed["type"], listed["priority"]) == (str(SYSTEM_ID), "system", "urgent")
    [entry] = entries("message.created")
    assert (entry.actor, str(entry.object), str(entry.conv)) == (SYSTEM_ID, listed["id"], c1)
    assert list(check_bodies()) == []


def test_it_counts_as_unread_and_names_nobody(patient: httpx.Client, c1: str) -> None:
    said = send_system_message(conversation_id=UUID(c1), content="@pat1 @all")
    assert said["mentions"] == []
    assert stored(said).mentions_all is False
    assert answered(patient.get(f"{API}/conversations/unread-count"))["total"] == 1


@pytest.mark.core
def test_the_same_client_id_again_is_the_same_message(c1: str) -> None:
    """So a job that runs twice says it once."""
    first = send_system_message(conversation_id=UUID(c1), content="once", client_message_id="alert-1")
    again = send_system_message(conversation_id=UUID(c1), content="once", client_message_id="alert-1")
    assert (again["id"], head_of(c1)) == (first["id"], 1)
    with pytest.raises(IdempotencyConflict):
        send_system_message(conversation_id=UUID(c1), content="other", client_message_id="alert-1")


def test_no_rule_of_the_conversation_silences_it(pat1: Person, doc1: Person, c1: str) -> None:
    Conversation.objects.update(posting_policy="moderators")
    Membership.objects.update(is_muted=True)
    send_system_message(conversation_id=UUID(c1), content="still here")
    assert head_of(c1) == 1


def test_where_there_is_no_conversation_nothing_is_said(doctor: httpx.Client, c1: str) -> None:
    with pytest.raises(NotFound):
        send_system_message(conversation_id=uuid4(), content="x")
    assert doctor.delete(f"{API}/conversations/{c1}").status_code == 204
    with pytest.raises(NotFound):
        send_system_message(conversation_id=UUID(c1), content="x")


@pytest.mark.parametrize("text", ["", " ", "<b></b>", "a\x00"])
def test_text_that_cannot_be_stored_is_refused(c1: str, text: str) -> None:
    with pytest.raises(InvalidText):
        send_system_message(conversation_id=UUID(c1), content=text)


def test_as_part_of_a_change_it_happens_with_it_or_not_at_all(c1: str) -> None:
    def fails() -> None:
        with audit.transaction():
            post_system_message(UUID(c1), "never said")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert head_of(c1) == 0
    with audit.transaction():
        post_system_message(UUID(c1), "said")
    assert head_of(c1) == 1


def test_nobody_else_speaks_as_the_system_and_nobody_changes_what_it_said(
    patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    """T051."""
    refused(post(doctor, c1, "x", type="system"), 400, "invalid")
    refused(post(doctor, c1, "x", senderId=str(SYSTEM_ID)), 400, "unknown_field")
    said = send_system_message(conversation_id=UUID(c1), content="said")
    for client in (patient, doctor):
        refused(client.patch(f"{API}/messages/{said['id']}", json={"content": "x"}), 403, "forbidden")
        refused(client.delete(f"{API}/messages/{said['id']}"), 403, "forbidden")
    assert send(patient, c1, "Understood.", replyToId=str(said["id"]))["replyTo"]["preview"] == "said"


def test_in_a_room_too(student: Person, teacher: Person, as_student: httpx.Client) -> None:
    room = room_of(teacher, student)
    send_system_message(conversation_id=UUID(room), content="The course has moved.")
    assert page(as_student, room)["results"][0]["senderId"] == str(SYSTEM_ID)


# --- For alerts -------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_another_service_gets_the_conversation_or_opens_it(
    server: Server, pat1: Person, doc1: Person, doc2: Person
) -> None:
    with connect(server, pat1.token) as client:
        conversation = ensure_clinical_conversation(patient_id=pat1.id, provider_id=doc1.id)
        assert client.next_event("conversation:added")["data"] == {"conversationId": str(conversation)}
        send_system_message(conversation_id=conversation, content="A result has arrived.", priority="urgent")
        assert client.next_event("message:new")["data"]["content"] == "A result has arrived."
    assert ensure_clinical_conversation(patient_id=pat1.id, provider_id=doc1.id) == conversation
    assert ensure_clinical_conversation(patient_id=pat1.id, provider_id=doc2.id) != conversation
    assert [entry.actor for entry in entries("conversation.created")] == [SYSTEM_ID] * 2


def test_the_one_people_opened_is_the_one(pat1: Person, doc1: Person, c1: str) -> None:
    assert str(ensure_clinical_conversation(patient_id=pat1.id, provider_id=doc1.id)) == c1


def test_only_a_patient_and_a_provider_who_are_there_have_one(
    pat1: Person, doc1: Person, out1: Person, dis1: Person
) -> None:
    for patient, provider in ((doc1, pat1), (pat1, out1), (pat1, dis1)):
        with pytest.raises(NotFound):
            ensure_clinical_conversation(patient_id=patient.id, provider_id=provider.id)
    with pytest.raises(NotFound):
        ensure_clinical_conversation(patient_id=uuid4(), provider_id=doc1.id)
    accounts.disable_user(actor=SYSTEM, user=pat1.user)
    with pytest.raises(NotFound):
        ensure_clinical_conversation(patient_id=pat1.id, provider_id=doc1.id)
    assert Conversation.objects.count() == 0
