"""Deleting a message of one's own: a tombstone keeps its number."""

from uuid import uuid4

import httpx
import pytest

from messaging.models import Membership
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import open_direct, promote, room_of
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    send,
    stored,
)
from tests.people import Person, client_for
from tests.sockets import Refusal, connect


def delete(client: httpx.Client, message_id: str) -> httpx.Response:
    return client.delete(f"/api/v1/messages/{message_id}")


@pytest.mark.core
def test_everybody_is_told_and_sees_a_tombstone(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    send(patient, c1, "before")
    message = send(patient, c1, "a slip of the pen")
    with connect(server, doc1.token) as other:
        tombstone = answered(delete(patient, message["id"]))
        event = other.next_event("message:deleted")
        assert (event["seq"], event["data"]) == (3, tombstone)
    assert (tombstone["isDeleted"], tombstone["content"], tombstone["seq"]) == (True, None, 2)
    assert "contentError" not in tombstone
    assert contents(page(doctor, c1)["results"]) == ["before", None]
    assert bytes(stored(message).body) == b""


@pytest.mark.core
def test_the_same_over_a_socket(server: Server, pat1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    with connect(server, pat1.token) as client:
        tombstone = client.ask("message:delete", {"messageId": message["id"]})
        assert client.next_event("message:deleted")["data"] == tombstone
    assert tombstone["isDeleted"] is True


def test_a_replay_does_not_bring_the_text_back(server: Server, doc1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1, "gone for good")
    answered(delete(patient, message["id"]))
    with connect(server, doc1.token) as client:
        reply = client.ask("conversation:events", {"conversationId": c1})
    assert [frame["event"] for frame in reply["results"]] == ["message:new", "message:deleted"]
    assert "gone for good" not in str(reply)


def test_a_second_deletion_changes_nothing(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    first, second = answered(delete(patient, message["id"])), answered(delete(patient, message["id"]))
    assert first == second
    assert head_of(c1) == 2
    assert len(entries("message.deleted", pat1)) == 1
    assert list(check_bodies()) == []


def test_a_deleted_message_counts_for_nobody(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    assert answered(doctor.get("/api/v1/conversations/unread-count"))["total"] == 1
    answered(delete(patient, message["id"]))
    assert answered(doctor.get("/api/v1/conversations/unread-count"))["total"] == 0


def test_a_muted_member_may_still_take_back_what_they_said(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    assert answered(delete(patient, message["id"]))["isDeleted"] is True


@pytest.mark.core
def test_somebody_elses_message_is_not_ones_own(
    server: Server, doc1: Person, doctor: httpx.Client, patient: httpx.Client, c1: str
) -> None:
    message = send(patient, c1)
    refused(delete(doctor, message["id"]), 403, "forbidden")
    with connect(server, doc1.token) as client, pytest.raises(Refusal, match="forbidden"):
        client.ask("message:delete", {"messageId": message["id"]})
    assert page(doctor, c1)["results"] == [message]


@pytest.mark.core
def test_in_a_room_whoever_leads_it_deletes_what_others_wrote(
    server: Server,
    teacher: Person,
    student: Person,
    classmate: Person,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
) -> None:
    """Owner and moderators, until they no longer are; nobody edits it."""
    room = room_of(teacher, student, classmate)
    with client_for(classmate, server) as author:
        messages = [send(author, room, f"number {n}") for n in range(3)]
        refused(delete(as_student, messages[0]["id"]), 403, "forbidden")
        promote(student, room, "moderator")
        with connect(server, classmate.token) as client:
            tombstone = answered(delete(as_student, messages[0]["id"]))
            event = client.next_event("message:deleted")
            assert (event["actorId"], event["data"]) == (str(student.id), tombstone)
            assert (tombstone["senderId"], tombstone["content"]) == (str(classmate.id), None)
        assert answered(delete(as_teacher, messages[1]["id"]))["isDeleted"] is True
        refused(as_teacher.patch(f"/api/v1/messages/{messages[2]['id']}", json={"content": "x"}), 403, "forbidden")
        refused(delete(author, send(as_teacher, room)["id"]), 403, "forbidden")
    promote(student, room, "member")
    refused(delete(as_student, messages[2]["id"]), 403, "forbidden")
    assert stored(messages[0]).deleted_by_id == student.id
    [entry] = entries("message.deleted", student)
    assert (str(entry.object), str(entry.conv)) == (messages[0]["id"], room)
    assert list(check_bodies()) == []


def test_where_there_is_no_room_nobody_takes_away_what_the_other_said(
    student: Person,
    classmate: Person,
    as_student: httpx.Client,
    server: Server,
    patient: httpx.Client,
    doctor: httpx.Client,
    c1: str,
) -> None:
    """Not in a direct conversation, nor the provider who owns a clinical one."""
    direct = open_direct(student, classmate)
    message = send(as_student, direct)
    with client_for(classmate, server) as other:
        refused(delete(other, message["id"]), 403, "forbidden")
    refused(delete(doctor, send(patient, c1)["id"]), 403, "forbidden")


def test_who_was_removed_deletes_nothing(
    student: Person, teacher: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """T046."""
    room = room_of(teacher, student)
    message = send(as_student, room)
    assert as_teacher.delete(f"/api/v1/conversations/{room}/members/{student.id}").status_code == 204
    refused(delete(as_student, message["id"]), 404, "not_found")
    refused(as_student.patch(f"/api/v1/messages/{message['id']}", json={"content": "x"}), 404, "not_found")
    assert stored(message).deleted_at is None


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    ours, random = delete(stranger, message["id"]), delete(stranger, str(uuid4()))
    assert same_but_for_the_request_id(refused(ours, 404, "not_found"), refused(random, 404, "not_found"))
    assert page(patient, c1)["results"] == [message]


def test_without_a_record_nothing_is_deleted(patient: httpx.Client, c1: str, request: pytest.FixtureRequest) -> None:
    message = send(patient, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(delete(patient, message["id"]), 503, "audit_unavailable")
    assert stored(message).deleted_at is None
