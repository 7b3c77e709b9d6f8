"""Deleting a message of one's own: a tombstone keeps its number."""

from uuid import uuid4

import httpx
import pytest

from messaging.models import Membership
from messaging.verification import check_bodies
from tests.live import Server
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
from tests.people import Person
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
