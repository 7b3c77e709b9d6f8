"""Watermarks: what has arrived and what has been read. They only move forward."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pytest_django.fixtures import Settings

from core.limits import Rate
from messaging.models import Conversation, Membership
from tests.live import Server
from tests.messaging.talking import (
    Json,
    answered,
    open_room,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for
from tests.sockets import Refusal, connect


def mark(client: httpx.Client, conversation_id: str, kind: str, seq: object) -> httpx.Response:
    return client.put(f"/api/v1/conversations/{conversation_id}/{kind}", json={"seq": seq})


def statuses(client: httpx.Client, conversation_id: str) -> list[str]:
    return [message["status"] for message in page(client, conversation_id)["results"]]


@pytest.mark.core
def test_reading_moves_both_watermarks_and_tells_everybody(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str
) -> None:
    say(pat1, c1, "1", "2", "3")
    with connect(server, pat1.token) as other, connect(server, doc1.token) as own:
        receipt = answered(mark(doctor, c1, "read", 2))
        assert (receipt["userId"], receipt["readSeq"], receipt["deliveredSeq"]) == (str(doc1.id), 2, 2)
        told = {"event": "message:read", "data": {"conversationId": c1, "userId": str(doc1.id), "seq": 2}}
        assert other.next_event("message:read") == told
        assert own.next_event("message:read") == told, "their other devices count down too"


@pytest.mark.core
def test_the_same_over_a_socket(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    say(pat1, c1, "1")
    with connect(server, doc1.token) as client, connect(server, pat1.token) as other:
        receipt = client.ask("message:delivered", {"conversationId": c1, "seq": 1})
        assert (receipt["deliveredSeq"], receipt["readSeq"]) == (1, 0)
        assert other.next_event("message:delivered")["data"]["seq"] == 1
        assert client.ask("message:read", {"conversationId": c1, "seq": 1})["readSeq"] == 1
        assert other.next_event("message:read")["data"]["seq"] == 1


@pytest.mark.core
def test_they_only_move_forward(server: Server, pat1: Person, doctor: httpx.Client, c1: str) -> None:
    """T122."""
    say(pat1, c1, *[str(n) for n in range(50)])
    first = answered(mark(doctor, c1, "read", 50))
    with connect(server, pat1.token) as other:
        assert answered(mark(doctor, c1, "read", 30)) == first
        assert answered(mark(doctor, c1, "delivered", 20)) == first
        assert answered(mark(doctor, c1, "read", 50)) == first
        other.nothing_arrives()


@pytest.mark.core
@pytest.mark.parametrize("kind", ["read", "delivered"])
def test_outside_of_what_one_can_see_is_refused(pat1: Person, doctor: httpx.Client, c1: str, kind: str) -> None:
    refused(mark(doctor, c1, kind, 1), 400, "seq_out_of_range")
    say(pat1, c1, "1")
    refused(mark(doctor, c1, kind, 2), 400, "seq_out_of_range")
    answered(mark(doctor, c1, kind, 1))
    for seq in (0, -1, "1", 1.5, None, True, 2**63):
        refused(mark(doctor, c1, kind, seq), 400, "invalid")


def test_before_ones_time_is_out_of_range(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    room = open_room(pat1, doc1)
    say(pat1, room, "1", "2")
    Membership.objects.create(conversation_id=room, user=doc2.user, joined_seq=3)
    say(pat1, room, "3")
    with client_for(doc2, server) as client:
        refused(mark(client, room, "read", 2), 400, "seq_out_of_range")
        answered(mark(client, room, "read", 3))


def test_a_receipt_reaches_only_who_can_see_what_it_is_about(
    server: Server, pat1: Person, doc1: Person, doc2: Person
) -> None:
    room = open_room(pat1, doc1)
    say(pat1, room, "1", "2")
    Membership.objects.create(conversation_id=room, user=doc2.user, joined_seq=3)
    with (
        client_for(doc1, server) as client,
        connect(server, doc2.token) as newcomer,
        connect(server, pat1.token) as old,
    ):
        answered(mark(client, room, "read", 1))
        assert old.next_event("message:read")["data"]["seq"] == 1
        newcomer.nothing_arrives()
        Conversation.objects.update(history="all")
        answered(mark(client, room, "read", 2))
        assert newcomer.next_event("message:read")["data"]["seq"] == 2


def test_the_sender_sees_how_far_a_message_has_got(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    say(pat1, c1, "1", "2", "3")
    assert statuses(patient, c1) == ["sent", "sent", "sent"]
    answered(mark(doctor, c1, "delivered", 2))
    answered(mark(doctor, c1, "read", 1))
    assert statuses(patient, c1) == ["read", "delivered", "sent"]
    assert statuses(doctor, c1) == ["sent", "sent", "sent"]


def test_a_message_waits_for_everybody_but_those_who_are_gone(
    server: Server, pat1: Person, doc1: Person, doc2: Person, pat2: Person
) -> None:
    room = open_room(pat1, doc1, doc2)
    say(pat1, room, "1")
    with client_for(pat1, server) as sender, client_for(doc1, server) as one:
        answered(mark(one, room, "read", 1))
        assert statuses(sender, room) == ["sent"]
        Membership.objects.filter(user=doc2.user).update(left_seq=1, left_at="2026-01-01T00:00Z")
        assert statuses(sender, room) == ["read"]
        Membership.objects.create(conversation_id=room, user=pat2.user, joined_seq=2)
        assert statuses(sender, room) == ["read"]
        say(pat1, room, "2")
        assert statuses(sender, room) == ["read", "sent"]


def test_with_nobody_left_to_wait_for_a_message_stays_sent(
    server: Server, pat1: Person, doc1: Person, patient: httpx.Client, c1: str
) -> None:
    say(pat1, c1, "1")
    Membership.objects.filter(user=doc1.user).update(left_seq=1, left_at="2026-01-01T00:00Z")
    assert statuses(patient, c1) == ["sent"]


def test_reading_up_to_a_message(patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str) -> None:
    say(pat1, c1, "1", "2")
    message = send(patient, c1, "3")
    receipt = answered(doctor.patch(f"/api/v1/messages/{message['id']}/read"))
    assert receipt["readSeq"] == 3
    refused(doctor.patch(f"/api/v1/messages/{message['id']}/read", json={"seq": 1}), 400, "unknown_field")


def test_everybodys_receipts(patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person, c1: str) -> None:
    say(pat1, c1, "1", "2")
    answered(mark(doctor, c1, "delivered", 2))
    found: list[Json] = answered(patient.get(f"/api/v1/conversations/{c1}/receipts"))["results"]
    marks = {receipt["userId"]: (receipt["deliveredSeq"], receipt["readSeq"]) for receipt in found}
    assert marks == {str(pat1.id): (0, 0), str(doc1.id): (2, 0)}


def test_unread_is_exact_while_sends_and_reads_race(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str
) -> None:
    """T121."""
    counts, done = [], threading.Event()

    def read_along() -> None:
        while not done.is_set():
            head = page(doctor, c1, limit=1)["headSeq"]
            if head:
                answered(mark(doctor, c1, "read", head))
            counts.append(answered(doctor.get("/api/v1/conversations/unread-count"))["total"])

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_along)
        say(pat1, c1, *[str(n) for n in range(60)])
        done.set()
        reading.result()
    assert all(0 <= count <= 60 for count in counts)
    answered(mark(doctor, c1, "read", 55))
    read = answered(doctor.get(f"/api/v1/conversations/{c1}/receipts"))["results"]
    read_seq = next(r["readSeq"] for r in read if r["userId"] == str(doc1.id))
    assert answered(doctor.get("/api/v1/conversations/unread-count"))["total"] == 60 - read_seq


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(
    server: Server, pat2: Person, stranger: httpx.Client, patient: httpx.Client, c1: str
) -> None:
    message = send(patient, c1)
    random = "01890000-0000-7000-8000-000000000000"
    problems = [
        refused(mark(stranger, one, kind, 1), 404, "not_found")
        for one in (c1, random)
        for kind in ("read", "delivered")
    ]
    problems += [
        refused(stranger.patch(f"/api/v1/messages/{one}/read"), 404, "not_found") for one in (message["id"], random)
    ]
    assert same_but_for_the_request_id(*problems)
    with connect(server, pat2.token) as client, pytest.raises(Refusal, match="not_found"):
        client.ask("message:read", {"conversationId": c1, "seq": 1})


def test_each_kind_has_a_limit_of_its_own(
    server: Server, doc1: Person, doctor: httpx.Client, pat1: Person, c1: str, settings: Settings
) -> None:
    settings.LIMITS = {**settings.LIMITS, "MESSAGE_READ": Rate(1, 60), "MESSAGE_DELIVERED": Rate(1, 60)}
    say(pat1, c1, "1")
    answered(mark(doctor, c1, "read", 1))
    refused(mark(doctor, c1, "read", 1), 429, "rate_limited")
    answered(mark(doctor, c1, "delivered", 1))
    with connect(server, doc1.token) as client, pytest.raises(Refusal, match="rate_limited"):
        client.ask("message:delivered", {"conversationId": c1, "seq": 1})
