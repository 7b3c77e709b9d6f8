"""Pinning messages, and what is pinned."""

from uuid import uuid4

import httpx
import pytest

from messaging.models import Membership, Message
from messaging.services.pins import MOST_PINS
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import open_direct, promote, room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    entry_details,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import connect


def pin(client: httpx.Client, message_id: object) -> httpx.Response:
    return client.put(f"{API}/messages/{message_id}/pin")


def unpin(client: httpx.Client, message_id: object) -> httpx.Response:
    return client.delete(f"{API}/messages/{message_id}/pin")


def pins(client: httpx.Client, conversation_id: str) -> list[Json]:
    found: list[Json] = answered(client.get(f"{API}/conversations/{conversation_id}/pins"))["results"]
    return found


@pytest.mark.core
def test_everybody_is_told_and_finds_it(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(doctor, c1, "Two tablets, in the morning.")
    with connect(server, pat1.token) as own, connect(server, doc1.token) as other:
        pinned = answered(pin(patient, message["id"]))
        assert pinned["isPinned"] is True
        for client in (own, other):
            event = client.next_event("message:pinned")
            assert (event["seq"], event["actorId"], event["data"]) == (2, str(pat1.id), {"messageId": message["id"]})
        assert pins(patient, c1) == page(patient, c1)["results"] == [pinned]
        assert answered(unpin(doctor, message["id"]))["isPinned"] is False
        event = own.next_event("message:unpinned")
        assert (event["seq"], event["actorId"], event["data"]) == (3, str(doc1.id), {"messageId": message["id"]})
    assert pins(patient, c1) == []


@pytest.mark.core
def test_a_repeat_changes_nothing(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    first, second = answered(pin(patient, message["id"])), answered(pin(patient, message["id"]))
    assert first == second
    assert (head_of(c1), len(entries("message.pinned", pat1))) == (2, 1)
    first, second = answered(unpin(patient, message["id"])), answered(unpin(patient, message["id"]))
    assert first == second
    assert (head_of(c1), len(entries("message.unpinned", pat1))) == (3, 1)
    assert list(check_bodies()) == []


def test_the_last_one_pinned_comes_first_and_reading_them_is_recorded(
    patient: httpx.Client, pat1: Person, c1: str
) -> None:
    messages = say(pat1, c1, "1", "2", "3")
    for number in (1, 2, 0):
        answered(pin(patient, messages[number]["id"]))
    assert contents(pins(patient, c1)) == ["1", "3", "2"]
    [viewed] = entries("messages.viewed", pat1)
    assert (str(viewed.conv), entry_details(viewed)) == (c1, {"from_seq": 1, "to_seq": 3})


def test_only_so_many_are_pinned_at_once(patient: httpx.Client, pat1: Person, c1: str) -> None:
    messages = say(pat1, c1, *[str(number) for number in range(MOST_PINS + 1)])
    for message in messages[:MOST_PINS]:
        answered(pin(patient, message["id"]))
    refused(pin(patient, messages[MOST_PINS]["id"]), 409, "conflict")
    assert head_of(c1) == 2 * MOST_PINS + 1
    answered(pin(patient, messages[0]["id"]))
    answered(patient.delete(f"{API}/messages/{messages[0]['id']}"))
    answered(pin(patient, messages[MOST_PINS]["id"]))
    assert len(pins(patient, c1)) == MOST_PINS


def test_a_deleted_message_is_pinned_no_more(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    answered(pin(doctor, message["id"]))
    assert answered(patient.delete(f"{API}/messages/{message['id']}"))["isPinned"] is False
    assert pins(doctor, c1) == []
    refused(pin(doctor, message["id"]), 410, "gone")
    refused(unpin(doctor, message["id"]), 410, "gone")
    assert head_of(c1) == 3


def test_a_replay_leads_to_the_same(server: Server, doc1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    answered(pin(patient, message["id"]))
    with connect(server, doc1.token) as client:
        frames = client.ask("conversation:events", {"conversationId": c1})["results"]
    assert [frame["event"] for frame in frames] == ["message:new", "message:pinned"]
    assert [frame["data"].get("isPinned") for frame in frames] == [True, None]


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_in_a_room_only_its_owner_and_moderators_pin(
    server: Server, teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    room = room_of(teacher, student)
    message = send(as_student, room)
    refused(pin(as_student, message["id"]), 403, "forbidden")
    answered(pin(as_teacher, message["id"]))
    refused(unpin(as_student, message["id"]), 403, "forbidden")
    assert contents(pins(as_student, room)) == [message["content"]]
    promote(student, room, "moderator")
    answered(unpin(as_student, message["id"]))
    assert [entry.reason for entry in entries("access.denied", student)] == ["forbidden"] * 2


def test_between_two_both_pin_unless_one_was_blocked(
    server: Server, student: Person, classmate: Person, as_student: httpx.Client
) -> None:
    direct = open_direct(student, classmate)
    message = send(as_student, direct)
    with client_for(classmate, server) as other:
        answered(pin(other, message["id"]))
        assert as_student.put(f"{API}/users/{classmate.id}/block").is_success
        refused(unpin(other, message["id"]), 403, "forbidden")


def test_a_muted_member_does_not_pin(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    refused(pin(patient, message["id"]), 403, "forbidden")


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    for ask in (pin, unpin):
        problems = [refused(ask(stranger, one), 404, "not_found") for one in (message["id"], str(uuid4()))]
        assert same_but_for_the_request_id(*problems)
    listed = [stranger.get(f"{API}/conversations/{one}/pins") for one in (c1, str(uuid4()))]
    assert same_but_for_the_request_id(*[refused(response, 404, "not_found") for response in listed])
    assert head_of(c1) == 1


def test_who_came_later_sees_only_pins_of_their_own_time(
    server: Server, teacher: Person, as_teacher: httpx.Client
) -> None:
    room = room_of(teacher)
    early, late = send(as_teacher, room, "early"), send(as_teacher, room, "late")
    answered(pin(as_teacher, early["id"]))
    answered(pin(as_teacher, late["id"]))
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=room, user=newcomer.user, joined_seq=2)
    with client_for(newcomer, server) as client:
        assert contents(pins(client, room)) == ["late"]


def test_without_a_record_nothing_is_pinned(patient: httpx.Client, c1: str, request: pytest.FixtureRequest) -> None:
    message = send(patient, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(pin(patient, message["id"]), 503, "audit_unavailable")
    assert (Message.objects.get().pinned_at, head_of(c1)) == (None, 1)
