"""A provider who is away: their note answers whoever writes to them, once a day in each conversation."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from accounts.services import update_profile
from core import jobs
from core.models import Task, TaskState
from core.time import now
from messaging import absence
from messaging.models import Conversation
from messaging.services import send_system_message
from tests.live import Server
from tests.messaging.rooms import open_direct, room_of
from tests.messaging.talking import API, Json, answered, contents, page, post, say
from tests.people import Person, client_for
from tests.sockets import connect

pytestmark = pytest.mark.core

NOTE = "I am away until Monday.\nK<3.5 and Na>145: call the ward."


@pytest.fixture
def away(doctor: httpx.Client) -> None:
    """doc1 has left a note."""
    answered(doctor.patch(f"{API}/me", json={"outOfOffice": NOTE}))


def waiting() -> int:
    return Task.objects.filter(name="messaging.out_of_office", state=TaskState.WAITING).count()


def heard(client: httpx.Client, conversation_id: str) -> list[str | None]:
    """What is said in the conversation once the worker has done what is due."""
    jobs.run_due()
    return contents(page(client, conversation_id)["results"])


def test_who_writes_gets_the_note_as_it_stands(
    server: Server, patient: httpx.Client, away: None, c1: str, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as told, connect(server, doc1.token) as told_too:
        sent = answered(post(patient, c1, "Good morning, doctor."), 201)
        jobs.run_due()
        frames = [socket.next_frame_where(is_from_system) for socket in (told, told_too)]
    assert frames[0] == frames[1]
    assert frames[0]["seq"] == sent["seq"] + 1
    message = page(patient, c1)["results"][-1]
    assert (message["type"], message["content"], message["priority"]) == ("system", NOTE, "normal")
    assert not Task.objects.filter(state=TaskState.FAILED).exists()


def is_from_system(frame: Json) -> bool:
    return frame.get("event") == "message:new" and frame["data"]["type"] == "system"


def test_it_answers_a_socket_too(server: Server, patient: httpx.Client, away: None, c1: str, pat1: Person) -> None:
    with connect(server, pat1.token) as socket:
        socket.ask("message:new", {"conversationId": c1, "content": "Good morning."})
    assert heard(patient, c1) == ["Good morning.", NOTE]


def test_it_is_said_once_a_day(patient: httpx.Client, away: None, c1: str) -> None:
    post(patient, c1, "One.")
    post(patient, c1, "Two.")
    assert heard(patient, c1) == ["One.", "Two.", NOTE]
    post(patient, c1, "Three.")
    assert heard(patient, c1) == ["One.", "Two.", NOTE, "Three."]
    Conversation.objects.filter(pk=UUID(c1)).update(out_of_office_at=now() - timedelta(days=1, seconds=1))
    post(patient, c1, "Four.")
    assert heard(patient, c1) == ["One.", "Two.", NOTE, "Three.", "Four.", NOTE]


def test_a_repeat_says_nothing_more(patient: httpx.Client, away: None, c1: str) -> None:
    """A task is done at least once."""
    post(patient, c1, "One.")
    for _ in range(3):
        absence.answer_for_the_absent(UUID(c1))
    assert heard(patient, c1) == ["One.", NOTE]


def test_each_conversation_has_its_own_day(
    server: Server, patient: httpx.Client, away: None, c1: str, pat2: Person, doc1: Person
) -> None:
    with client_for(pat2, server) as other:
        opened = answered(
            other.post(f"{API}/conversations", json={"patientId": str(pat2.id), "providerId": str(doc1.id)}), 201
        )
        post(patient, c1, "One.")
        post(other, opened["id"], "Two.")
        assert heard(patient, c1) == ["One.", NOTE]
        assert heard(other, opened["id"]) == ["Two.", NOTE]


def test_the_provider_s_own_words_are_not_answered(doctor: httpx.Client, away: None, c1: str) -> None:
    post(doctor, c1, "I have a moment after all.")
    assert waiting() == 0
    assert heard(doctor, c1) == ["I have a moment after all."]


def test_nor_are_those_of_the_system(patient: httpx.Client, away: None, c1: str) -> None:
    send_system_message(conversation_id=UUID(c1), content="Alert.")
    assert waiting() == 0
    assert heard(patient, c1) == ["Alert."]


def test_who_is_there_says_nothing(patient: httpx.Client, c1: str) -> None:
    post(patient, c1, "One.")
    assert waiting() == 0
    assert heard(patient, c1) == ["One."]


def test_who_comes_back_before_it_is_said_says_nothing(
    patient: httpx.Client, doctor: httpx.Client, away: None, c1: str
) -> None:
    post(patient, c1, "One.")
    answered(doctor.patch(f"{API}/me", json={"outOfOffice": None}))
    assert heard(patient, c1) == ["One."]
    answered(doctor.patch(f"{API}/me", json={"outOfOffice": "Away again."}))
    post(patient, c1, "Two.")
    assert heard(patient, c1) == ["One.", "Two.", "Away again."]


def test_the_patient_s_note_answers_nobody(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    answered(patient.patch(f"{API}/me", json={"outOfOffice": "On holiday."}))
    post(doctor, c1, "One.")
    assert heard(doctor, c1) == ["One."]


def test_rooms_and_direct_conversations_are_not_answered(
    server: Server, away: None, doc1: Person, doc2: Person
) -> None:
    room, direct = room_of(doc1, doc2), open_direct(doc1, doc2)
    with client_for(doc2, server) as client:
        for conversation_id in (room, direct):
            said = answered(post(client, conversation_id, "One."), 201)
            assert heard(client, conversation_id)[-1] == said["content"]
    assert waiting() == 0


def test_a_conversation_that_is_gone_meanwhile_stays_silent(
    patient: httpx.Client, doctor: httpx.Client, away: None, c1: str
) -> None:
    post(patient, c1, "One.")
    assert doctor.delete(f"{API}/conversations/{c1}").status_code == 204
    assert jobs.run_due() >= 1
    assert not Task.objects.exclude(state=TaskState.DONE).filter(name="messaging.out_of_office").exists()


def test_a_note_with_nothing_to_read_in_it_is_not_tried_again(patient: httpx.Client, c1: str, doc1: Person) -> None:
    update_profile(actor=doc1.actor, user=doc1.user, changes={"out_of_office": "<b></b>"})
    say_to_the_doctor = post(patient, c1, "One.")
    assert say_to_the_doctor.status_code == 201
    assert heard(patient, c1) == ["One."]
    assert waiting() == 0


def test_it_is_unread_like_any_message(patient: httpx.Client, away: None, c1: str, pat1: Person) -> None:
    say(pat1, c1, "One.")
    jobs.run_due()
    assert answered(patient.get(f"{API}/conversations/unread-count"))["total"] == 1
