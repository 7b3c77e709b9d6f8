"""The same `clientMessageId` again: one message, however often and from however many places it is sent."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from messaging.models import Message
from tests.live import Server
from tests.messaging.rooms import add, leave, room_of
from tests.messaging.talking import (
    answered,
    entries,
    head_of,
    post,
    refused,
    reply_to,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person
from tests.sockets import connect


@pytest.mark.core
def test_the_same_client_id_again_is_the_same_message(
    server: Server, doc1: Person, patient: httpx.Client, c1: str
) -> None:
    """T111."""
    with connect(server, doc1.token) as other:
        first = send(patient, c1, "once", clientMessageId="k 1~")
        again = answered(post(patient, c1, "once", clientMessageId="k 1~"), 200)
        assert again == {**first, "duplicate": True}
        other.next_event("message:new")
        other.nothing_arrives()
    assert head_of(c1) == 1


def test_fifty_at_the_same_time_are_one(
    server: Server, pat1: Person, doc1: Person, patient: httpx.Client, c1: str
) -> None:
    """T112, in one process."""
    with connect(server, doc1.token) as other:
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: post(patient, c1, "once", clientMessageId="same"), range(50)))
        assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
        assert len({(answer.json()["id"], answer.json()["seq"]) for answer in answers}) == 1
        other.next_event("message:new")
        other.nothing_arrives()
    assert len(entries("message.created", pat1)) == 1


def test_repeats_in_one_burst_of_a_socket_are_one(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        for number in range(10):
            data = {"conversationId": c1, "content": "once", "clientMessageId": "same"}
            client.send({"id": f"r{number}", "event": "message:new", "data": data})
        replies = [reply_to(client, f"r{n}") for n in range(10)]
    assert len({reply["data"]["id"] for reply in replies}) == 1
    assert sum("duplicate" in reply["data"] for reply in replies) == 9


@pytest.mark.parametrize("change", [{"content": "other"}, {"format": "markdown"}, {"priority": "urgent"}], ids=str)
def test_the_same_client_id_for_another_message_is_a_conflict(
    patient: httpx.Client, c1: str, change: dict[str, str]
) -> None:
    """T113."""
    send(patient, c1, "once", clientMessageId="k")
    refused(post(patient, c1, **{"content": "once", "clientMessageId": "k", **change}), 409, "idempotency_conflict")
    assert head_of(c1) == 1


def test_two_different_messages_under_one_client_id_in_one_burst(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        for number in range(6):
            data = {"conversationId": c1, "content": f"text {number % 2}", "clientMessageId": "same"}
            client.send({"id": f"r{number}", "event": "message:new", "data": data})
        replies = [reply_to(client, f"r{n}") for n in range(6)]
    assert ["error" in reply for reply in replies] == [False, True] * 3
    assert head_of(c1) == 1


def test_the_same_client_id_of_somebody_else_or_elsewhere_is_independent(
    server: Server, pat1: Person, doc2: Person, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    """T114."""
    elsewhere = answered(
        patient.post("/api/v1/conversations", json={"patientId": str(pat1.id), "providerId": str(doc2.id)}), 201
    )
    sent = [
        send(patient, c1, "mine", clientMessageId="k"),
        send(doctor, c1, "yours", clientMessageId="k"),
        send(patient, elsewhere["id"], "elsewhere", clientMessageId="k"),
    ]
    assert len({message["id"] for message in sent}) == 3
    assert [message["seq"] for message in sent] == [1, 2, 1]


def test_a_repeat_after_an_edit_or_a_deletion_gets_the_message_as_it_is(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1, "once", clientMessageId="k")
    answered(patient.patch(f"/api/v1/messages/{message['id']}", json={"content": "edited"}))
    again = answered(post(patient, c1, "once", clientMessageId="k"), 200)
    assert (again["id"], again["content"], again["duplicate"]) == (message["id"], "edited", True)
    answered(patient.delete(f"/api/v1/messages/{message['id']}"))
    again = answered(post(patient, c1, "once", clientMessageId="k"), 200)
    assert (again["content"], again["isDeleted"], again["duplicate"]) == (None, True, True)


def test_a_repeat_tells_how_far_the_message_has_got(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    send(patient, c1, "once", clientMessageId="k")
    answered(doctor.put(f"/api/v1/conversations/{c1}/read", json={"seq": 1}))
    assert answered(post(patient, c1, "once", clientMessageId="k"), 200)["status"] == "read"


def test_a_repeat_of_what_cannot_be_opened_is_told_so(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1, "once", clientMessageId="k")
    Message.objects.filter(id=message["id"]).update(type="file")
    again = answered(post(patient, c1, "once", clientMessageId="k"), 200)
    assert (again["id"], again["content"], again["contentError"]) == (message["id"], None, "undecryptable")


@pytest.mark.core
def test_a_repeat_of_what_was_sent_in_an_earlier_stay_tells_nothing_of_it(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    """Who came back may not see what happened to it while they were away, nor whether anything did."""
    room = room_of(teacher, student)
    untouched, changed = (send(as_student, room, "once", clientMessageId=key) for key in ("k1", "k2"))
    assert leave(as_student, room).status_code == 204
    answered(as_teacher.delete(f"/api/v1/messages/{changed['id']}"))
    answered(add(as_teacher, room, student), 201)
    head = head_of(room)
    told = [
        same_but_for_the_request_id(
            refused(post(as_student, room, text, clientMessageId=key), 409, "idempotency_conflict")
        )
        for key in ("k1", "k2")
        for text in ("once", "something else")
    ]
    assert all(one == told[0] for one in told)
    refused(as_student.get(f"/api/v1/messages/{untouched['id']}"), 404, "not_found")
    assert head_of(room) == head
    send(as_student, room, "once", clientMessageId="k3")
