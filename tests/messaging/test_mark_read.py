"""Watermarks: what has arrived and what has been read. They only move forward."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from pytest_django.fixtures import Settings

from core.limits import Rate
from messaging.models import Conversation, Membership
from tests.live import Server
from tests.messaging.marks import mark, statuses, unread
from tests.messaging.rooms import remove, room_of
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
from tests.sockets import Client, Refusal, connect

RANDOM = "01890000-0000-7000-8000-000000000000"


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
def test_over_both_doors_they_only_move_forward(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    """T122."""
    say(pat1, c1, *[str(n) for n in range(50)])
    with connect(server, doc1.token) as socket, client_for(doc1, server) as client:
        first = socket.ask("message:read", {"conversationId": c1, "seq": 50})
        assert (first["deliveredSeq"], first["readSeq"]) == (50, 50)
        assert answered(mark(client, c1, "read", 30)) == first
        assert socket.ask("message:read", {"conversationId": c1, "seq": 30}) == first
        assert socket.ask("message:delivered", {"conversationId": c1, "seq": 20}) == first


@pytest.mark.core
@pytest.mark.parametrize("kind", ["read", "delivered"])
def test_outside_of_what_one_can_see_is_refused(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str, kind: str
) -> None:
    """T061."""
    refused(mark(doctor, c1, kind, 1), 400, "seq_out_of_range")
    say(pat1, c1, "1")
    with connect(server, doc1.token) as socket:
        for seq in (2, 0, -1, -(2**63), 2**31, 2**63, 2**63 - 1):
            refused(mark(doctor, c1, kind, seq), 400, "seq_out_of_range")
            assert _refusal(socket, f"message:{kind}", conversationId=c1, seq=seq) == "seq_out_of_range"
        for nonsense in ("1", 1.0, 1.5, None, True, [1], {"$gt": 0}):
            refused(mark(doctor, c1, kind, nonsense), 400, "invalid")
            assert _refusal(socket, f"message:{kind}", conversationId=c1, seq=nonsense) == "invalid"
    stay = Membership.objects.get(user=doc1.user)
    assert (stay.delivered_seq, stay.read_seq) == (0, 0)
    answered(mark(doctor, c1, kind, 1))


@pytest.mark.core
@pytest.mark.parametrize("kind", ["read", "delivered"])
def test_nobody_marks_for_somebody_else(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str, kind: str
) -> None:
    """T061."""
    [message] = say(pat1, c1, "1")
    with connect(server, doc1.token) as socket:
        for name in ("userId", "user_id"):
            refused(mark(doctor, c1, kind, 1, **{name: str(pat1.id)}), 400, "unknown_field")
            one = {"conversationId": c1, "seq": 1, name: str(pat1.id)}
            assert _refusal(socket, f"message:{kind}", **one) == "unknown_field"
            body = {name: str(pat1.id)}
            refused(doctor.patch(f"/api/v1/messages/{message['id']}/read", json=body), 400, "unknown_field")
    assert not Membership.objects.filter(delivered_seq__gt=0).exists()


def test_what_was_before_ones_time_cannot_be_marked_by_its_id(
    server: Server, pat1: Person, doc1: Person, doc2: Person
) -> None:
    room = open_room(pat1, doc1)
    [message] = say(pat1, room, "1")
    Membership.objects.create(conversation_id=room, user=doc2.user, joined_seq=2)
    with client_for(doc2, server) as client:
        refused(client.patch(f"/api/v1/messages/{message['id']}/read"), 404, "not_found")


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


@pytest.mark.core
def test_no_receipt_reaches_who_is_outside(
    server: Server, pat2: Person, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person,
    classmate: Person,
) -> None:  # fmt: skip
    """Neither who never belonged to it, nor who has just been removed."""
    room = room_of(teacher, student, classmate)
    say(teacher, room, "1", "2", "3")
    with (
        connect(server, pat2.token) as stranger,
        connect(server, classmate.token) as removed,
        connect(server, teacher.token) as member,
    ):
        answered(mark(as_student, room, "read", 1))
        for socket in (removed, member):
            assert socket.next_event("message:read")["data"]["seq"] == 1
        assert remove(as_teacher, room, classmate).status_code == 204
        removed.next_event("member:left")
        removed.next_event("conversation:removed")
        answered(mark(as_student, room, "delivered", 4))
        answered(mark(as_student, room, "read", 2))
        for kind, seq in (("delivered", 4), ("read", 2)):
            assert member.next_event(f"message:{kind}")["data"]["seq"] == seq
        for outside in (stranger, removed):
            outside.nothing_arrives()


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


@pytest.mark.parametrize("room", [False, True], ids=["clinical", "room"])
def test_unread_is_exact_while_sends_and_reads_race(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str, room: bool, settings: Settings
) -> None:
    """T121: a hundred sends, and as many marks from two devices, by both doors."""
    settings.LIMITS = dict.fromkeys(settings.LIMITS, Rate(100_000, 60))
    place = room_of(doc1, pat1) if room else c1
    counts: list[int] = []

    def mark_by_rest() -> None:
        for _ in range(50):
            if head := page(doctor, place, limit=1)["headSeq"]:
                answered(mark(doctor, place, "read", head))
            counts.append(unread(doctor)[0])

    def mark_by_socket() -> None:
        with connect(server, doc1.token) as socket:
            for _ in range(50):
                asked = {"conversationId": place, "limit": 1}
                if head := socket.ask("conversation:messages", asked)["headSeq"]:
                    socket.ask("message:read", {"conversationId": place, "seq": head})

    assert pat1.token, "signed in, so that no thread of this test asks the database itself"
    with ThreadPoolExecutor(3) as pool:
        racing: list[Future[Any]] = [pool.submit(work) for work in (mark_by_rest, mark_by_socket)]
        racing.append(pool.submit(say, pat1, place, *[str(n) for n in range(100)]))
        for one in racing:
            one.result()
    assert all(0 <= count <= 100 for count in counts)
    read_seq = Membership.objects.get(user=doc1.user, conversation=UUID(place)).read_seq
    assert unread(doctor)[0] == 100 - read_seq
    answered(mark(doctor, place, "read", 100))
    assert unread(doctor) == (0, 0, 0)


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(
    server: Server, pat2: Person, stranger: httpx.Client, patient: httpx.Client, c1: str
) -> None:
    message = send(patient, c1)
    problems = [
        refused(mark(stranger, one, kind, seq), 404, "not_found")
        for one in (c1, RANDOM)
        for kind in ("read", "delivered")
        for seq in (1, 2, -1)
    ]
    problems += [
        refused(stranger.patch(f"/api/v1/messages/{one}/read"), 404, "not_found") for one in (message["id"], RANDOM)
    ]
    assert same_but_for_the_request_id(*problems)
    with connect(server, pat2.token) as client:
        for kind in ("read", "delivered"):
            assert _refusal(client, f"message:{kind}", conversationId=c1, seq=1) == "not_found"


def _refusal(socket: Client, event: str, **data: object) -> str:
    """The code of a request that must be refused."""
    with pytest.raises(Refusal) as refusal:
        socket.ask(event, data)
    return refusal.value.code


def test_each_kind_has_a_limit_of_its_own(
    server: Server, doc1: Person, doctor: httpx.Client, pat1: Person, c1: str, settings: Settings
) -> None:
    settings.LIMITS = {**settings.LIMITS, "MESSAGE_READ": Rate(1, 60), "MESSAGE_DELIVERED": Rate(1, 60)}
    say(pat1, c1, "1")
    answered(mark(doctor, c1, "read", 1))
    refused(mark(doctor, c1, "read", 1), 429, "rate_limited")
    answered(mark(doctor, c1, "delivered", 1))
    refused(doctor.patch(f"/api/v1/messages/{RANDOM}/read"), 429, "rate_limited")
    with connect(server, doc1.token) as client, pytest.raises(Refusal, match="rate_limited"):
        client.ask("message:delivered", {"conversationId": c1, "seq": 1})
