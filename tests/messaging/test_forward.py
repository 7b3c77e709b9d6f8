"""Forwarding: a copy of a message in another conversation of one's own."""

from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest
from pytest_django.fixtures import Settings

from core.limits import Rate
from core.sql import stored as column
from messaging.models import Membership, Mention
from messaging.services import send_system_message
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import open_direct, room_of
from tests.messaging.talking import (
    API,
    answered,
    entries,
    entry_details,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    send,
    stored,
)
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import connect


def forward(client: httpx.Client, message_id: object, conversation_id: object, **more: object) -> httpx.Response:
    return client.post(f"{API}/messages/{message_id}/forward", json={"conversationId": str(conversation_id), **more})


@pytest.fixture
def here(teacher: Person, student: Person) -> str:
    return room_of(teacher, student, name="Here")


@pytest.fixture
def there(student: Person, classmate: Person) -> str:
    return room_of(student, classmate, name="There")


@pytest.mark.core
def test_the_copy_says_who_wrote_it_first_and_when(
    server: Server,
    teacher: Person,
    student: Person,
    classmate: Person,
    here: str,
    there: str,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
) -> None:
    message = send(as_teacher, here, "**K<3.5**", format="markdown", metadata={"page": 7})
    with connect(server, classmate.token) as other:
        copy = answered(forward(as_student, message["id"], there), 201)
        event = other.next_event("message:new")
        assert (event["conversationId"], event["seq"], event["actorId"]) == (there, 1, str(student.id))
        assert event["data"] == copy
    assert copy["forwardedFrom"] == {"senderId": str(teacher.id), "createdAt": message["createdAt"]}
    for name in ("content", "format", "metadata", "type"):
        assert copy[name] == message[name]
    assert (copy["senderId"], copy["id"] != message["id"]) == (str(student.id), True)
    assert page(as_student, there)["results"] == [copy]
    assert "forwardedFrom" not in page(as_student, here)["results"][0]
    assert head_of(here) == 1


def test_it_is_sealed_anew(here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client) -> None:
    message = send(as_teacher, here, "canary-of-a-copy")
    copy = answered(forward(as_student, message["id"], there), 201)
    assert b"canary" not in bytes(stored(copy).body)
    assert bytes(stored(copy).body) != bytes(stored(message).body)
    answered(as_teacher.delete(f"{API}/messages/{message['id']}"))
    assert page(as_student, there)["results"][0]["content"] == "canary-of-a-copy"


def test_one_entry_tells_where_it_came_from(
    student: Person, here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    message = send(as_teacher, here)
    copy = answered(forward(as_student, message["id"], there), 201)
    [entry] = entries("message.created", student)
    assert (str(entry.object), str(entry.conv)) == (copy["id"], there)
    assert entry_details(entry) == {"forwarded_from": message["id"], "forwarded_out_of": here}
    assert list(check_bodies()) == []


def test_a_copy_of_a_copy_names_the_first_origin(
    teacher: Person, student: Person, here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    message = send(as_teacher, here)
    copy = answered(forward(as_student, message["id"], there), 201)
    again = answered(forward(as_student, copy["id"], here), 201)
    assert again["forwardedFrom"] == copy["forwardedFrom"]


def test_what_it_is_about_here_stays_here(
    student: Person, classmate: Person, here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """Quote, thread, reactions, pin, priority, mentions: whom the text names there is not mentioned."""
    root = send(as_teacher, here)
    asked = {"replyToId": root["id"], "threadRootId": root["id"], "priority": "urgent", "mentions": [str(student.id)]}
    message = send(as_teacher, here, "@classmate @student @all", **asked)
    answered(as_student.put(f"{API}/messages/{message['id']}/reactions/👍"))
    answered(as_teacher.put(f"{API}/messages/{message['id']}/pin"))
    copy = answered(forward(as_student, message["id"], there), 201)
    assert not {"replyTo", "threadRootId", "clientMessageId", "expiresAt", "editedAt"} & copy.keys()
    assert (copy["mentions"], copy["reactions"], copy["isPinned"], copy["priority"]) == ([], [], False, "normal")
    assert stored(copy).mentions_all is False
    assert Mention.objects.filter(conversation=UUID(there)).count() == 0


def test_a_repeat_under_one_client_id_is_one_copy(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    message, other = send(as_teacher, here, "one"), send(as_teacher, here, "other")
    first = answered(forward(as_student, message["id"], there, clientMessageId="k"), 201)
    again = answered(forward(as_student, message["id"], there, clientMessageId="k"), 200)
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    refused(forward(as_student, other["id"], there, clientMessageId="k"), 409, "idempotency_conflict")
    written = as_student.post(f"{API}/conversations/{there}/messages", json={"content": "one", "clientMessageId": "k"})
    refused(written, 409, "idempotency_conflict")
    assert head_of(there) == 1


def test_nobody_puts_other_words_into_somebodys_mouth(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    message = send(as_teacher, here, "The exam is on Friday.")
    copy = answered(forward(as_student, message["id"], there), 201)
    refused(as_student.patch(f"{API}/messages/{copy['id']}", json={"content": "There is no exam."}), 403, "forbidden")
    assert answered(as_student.delete(f"{API}/messages/{copy['id']}"))["isDeleted"] is True


@pytest.mark.parametrize(
    "fields", [{}, {"conversationId": "x"}, {"conversationId": None}, {"clientMessageId": "é"}], ids=str
)
def test_values_out_of_range_are_named(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client, fields: dict[str, object]
) -> None:
    message = send(as_teacher, here)
    body = {"conversationId": there, **fields} if fields else {}
    problem = refused(as_student.post(f"{API}/messages/{message['id']}/forward", json=body), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [*fields] or [
        error["code"] for error in problem["errors"]
    ] == ["required"]
    refused(forward(as_student, message["id"], there, content="other words"), 400, "unknown_field")


# --- Who may, and what ------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_clinical_text_stays_with_its_patient(
    server: Server,
    pat1: Person,
    doc1: Person,
    pat2: Person,
    doc2: Person,
    c1: str,
    patient: httpx.Client,
    doctor: httpx.Client,
) -> None:
    """Into a conversation of the same patient with another provider, and nowhere else; whoever wrote it."""
    said, written = send(patient, c1, "It hurts."), send(doctor, c1, "Two tablets.")
    own_other = open_clinical(pat1, doc2)
    doctors_other, colleagues = open_clinical(pat2, doc1), room_of(doc1, doc2)
    privately = open_direct(doc1, doc2)
    copy = answered(forward(patient, written["id"], own_other), 201)
    assert copy["forwardedFrom"]["senderId"] == str(doc1.id)
    for message in (said, written):
        for conversation in (doctors_other, colleagues, privately):
            refused(forward(doctor, message["id"], conversation), 403, "forbidden")
    refused(forward(patient, copy["id"], room_of(doc1, pat1)), 403, "forbidden")
    assert [head_of(one) for one in (doctors_other, colleagues, privately, own_other)] == [0, 0, 0, 1]


def test_into_a_clinical_conversation_one_may_forward_from_elsewhere(
    doc1: Person, doc2: Person, c1: str, doctor: httpx.Client
) -> None:
    message = send(doctor, room_of(doc1, doc2), "General advice.")
    assert answered(forward(doctor, message["id"], c1), 201)["content"] == "General advice."


def test_a_conversation_one_does_not_belong_to_is_like_none(
    server: Server, teacher: Person, here: str, there: str, as_teacher: httpx.Client
) -> None:
    message = send(as_teacher, here)
    problems = [refused(forward(as_teacher, message["id"], one), 404, "not_found") for one in (there, uuid4())]
    assert same_but_for_the_request_id(*problems)
    assert head_of(there) == 0
    assert str(entries("access.denied", teacher)[0].conv) == there


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str, c2: str) -> None:
    message = send(patient, c1)
    problems = [refused(forward(stranger, one, c2), 404, "not_found") for one in (message["id"], uuid4())]
    assert same_but_for_the_request_id(*problems)
    assert head_of(c2) == 0


def test_where_one_may_not_write_one_may_not_forward_to(
    student: Person, here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    message = send(as_teacher, here)
    Membership.objects.filter(user=student.id, conversation=UUID(there)).update(is_muted=True)
    refused(forward(as_student, message["id"], there), 403, "forbidden")
    Membership.objects.filter(user=student.id).update(is_muted=False)
    Membership.objects.filter(user=student.id, conversation=UUID(here)).update(is_muted=True)
    answered(forward(as_student, message["id"], there), 201)


def test_what_cannot_be_copied(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client, tamper: Callable[..., int]
) -> None:
    """What is gone, what is to disappear, what the server said, and what cannot be opened."""
    gone, passing = send(as_teacher, here), send(as_teacher, here, expiresInSeconds=60)
    answered(as_teacher.delete(f"{API}/messages/{gone['id']}"))
    said = send_system_message(conversation_id=stored(passing).conversation_id, content="Maintenance tonight.")
    broken = send(as_teacher, here)
    tamper("UPDATE messaging_message SET revision = 5 WHERE id = %s", [column(UUID(broken["id"]))])
    refused(forward(as_student, gone["id"], there), 410, "gone")
    refused(forward(as_student, passing["id"], there), 403, "forbidden")
    refused(forward(as_student, said["id"], there), 403, "forbidden")
    refused(forward(as_student, broken["id"], there), 502, "integrity_error")
    assert head_of(there) == 0


def test_it_counts_as_sending(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client, settings: Settings
) -> None:
    message = send(as_teacher, here)
    settings.LIMITS = {**settings.LIMITS, "MESSAGE_NEW": Rate(2, 60)}
    for _ in range(2):
        answered(forward(as_student, message["id"], there), 201)
    refused(forward(as_student, message["id"], there), 429, "rate_limited")
    refused(as_student.post(f"{API}/conversations/{there}/messages", json={"content": "x"}), 429, "rate_limited")


def test_who_came_later_forwards_nothing_from_before(server: Server, here: str, as_teacher: httpx.Client) -> None:
    message = send(as_teacher, here)
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=here, user=newcomer.user, joined_seq=2)
    with client_for(newcomer, server) as client:
        refused(forward(client, message["id"], here), 404, "not_found")


def test_without_a_record_there_is_no_copy(
    here: str, there: str, as_teacher: httpx.Client, as_student: httpx.Client, request: pytest.FixtureRequest
) -> None:
    message = send(as_teacher, here)
    request.getfixturevalue("log_cannot_be_written")
    refused(forward(as_student, message["id"], there), 503, "audit_unavailable")
    assert head_of(there) == 0
