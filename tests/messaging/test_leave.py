"""Leaving a room."""

from uuid import UUID

import pytest

from accounts import services as accounts
from core.actor import SYSTEM
from messaging.models import Conversation
from tests.live import Server
from tests.messaging.rooms import change, leave, open_direct, promote, role_of, room_of, stay_of
from tests.messaging.talking import (
    answered,
    entries,
    head_of,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    say,
)
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


def test_who_leaves_gets_their_leaving_and_nothing_after_it(
    server: Server, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student, classmate)
    with (
        connect(server, student.token) as leaver,
        connect(server, classmate.token) as other,
        client_for(student, server) as client,
    ):
        assert leave(client, room).status_code == 204
        for socket in (leaver, other):
            event = socket.next_event("member:left")
            assert event["data"] == {"userId": str(student.id), "reason": "left"}
            assert (event["seq"], event["actorId"]) == (1, str(student.id))
        assert leaver.next_event("conversation:removed")["data"] == {"conversationId": room}
        say(teacher, room, "now that we are alone")
        assert other.next_event("message:new")["seq"] == 2
        leaver.nothing_arrives()
        problems = [
            refused(client.get(f"/api/v1/conversations/{one}/messages"), 404, "not_found") for one in (room, RANDOM)
        ]
        assert same_but_for_the_request_id(*problems)
        refused(post(client, room), 404, "not_found")
        refused(leave(client, room), 404, "not_found")
        assert answered(client.get("/api/v1/conversations"))["results"] == []
    stay = stay_of(student, room)
    assert (stay.left_seq, stay.is_blocked) == (1, False)
    assert [str(entry.conv) for entry in entries("member.left", student)] == [room]


def test_the_last_owner_stays_while_others_do(server: Server, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    with client_for(teacher, server) as client:
        refused(leave(client, room), 409, "conflict")
        assert (role_of(teacher, room), head_of(room)) == ("owner", 0)
        answered(change(client, room, student, role="owner"))
        assert leave(client, room).status_code == 204
    assert (role_of(teacher, room), role_of(student, room)) == (None, "owner")


def test_an_owner_whose_account_is_disabled_does_not_count(
    server: Server, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student, classmate)
    promote(student, room, "owner")
    accounts.disable_user(actor=SYSTEM, user=student.user)
    with client_for(teacher, server) as client:
        refused(leave(client, room), 409, "conflict")


def test_with_the_last_member_the_room_closes(server: Server, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student, kind="public", name="Gone with the last")
    with client_for(student, server) as client:
        assert leave(client, room).status_code == 204
    with client_for(teacher, server) as client:
        say(teacher, room, "nobody is left")
        assert leave(client, room).status_code == 204
        refused(client.get(f"/api/v1/conversations/{room}"), 404, "not_found")
    conversation = Conversation.objects.get(pk=UUID(room))
    assert conversation.deleted_by == teacher.user
    assert conversation.messages.count() == 1
    assert len(entries("conversation.deleted", teacher)) == 1
    with client_for(student, server) as client:
        assert answered(client.get("/api/v1/conversations/discover"))["results"] == []


def test_nobody_leaves_a_conversation_of_two(
    server: Server, student: Person, classmate: Person, pat1: Person, doc1: Person
) -> None:
    direct, clinical = open_direct(student, classmate), open_clinical(pat1, doc1)
    for person, conversation in ((student, direct), (pat1, clinical), (doc1, clinical)):
        with client_for(person, server) as client:
            refused(leave(client, conversation), 403, "forbidden")
            assert page(client, conversation)["headSeq"] == 0


def test_a_strangers_leaving_is_404_like_a_random_id(server: Server, teacher: Person, student: Person) -> None:
    room = room_of(teacher, kind="public")
    with client_for(student, server) as client:
        problems = [refused(leave(client, one), 404, "not_found") for one in (room, RANDOM)]
    assert same_but_for_the_request_id(*problems)
