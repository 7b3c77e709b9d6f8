"""Closing a room."""

from uuid import UUID

import httpx
import pytest
from django.contrib.auth.models import Permission

from messaging.models import Conversation, Membership, RoomWord
from tests.live import Server
from tests.messaging.rooms import add, change, join, promote, room_of
from tests.messaging.talking import API, answered, entries, refused, same_but_for_the_request_id, send
from tests.people import Person, client_for, make_person
from tests.sockets import connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


def delete(client: httpx.Client, room: str) -> httpx.Response:
    return client.delete(f"{API}/conversations/{room}")


def test_the_owner_closes_it_for_everybody(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public")
    send(as_student, room)
    with connect(server, student.token) as socket:
        assert delete(as_teacher, room).status_code == 204
        assert socket.next_event("conversation:removed")["data"] == {"conversationId": room}
    for client in (as_teacher, as_student):
        refused(client.get(f"{API}/conversations/{room}"), 404, "not_found")
        refused(join(client, room), 404, "not_found")
        refused(add(client, room, RANDOM), 404, "not_found")
        refused(change(client, room, student, role="owner"), 404, "not_found")
    assert Membership.objects.filter(conversation=UUID(room)).count() == 2
    assert Conversation.objects.get(pk=UUID(room)).details is not None
    assert not RoomWord.objects.exists()
    assert len(entries("conversation.deleted", teacher)) == 1


@pytest.mark.parametrize("role", ["moderator", "member"])
def test_others_do_not(as_student: httpx.Client, teacher: Person, student: Person, role: str) -> None:
    room = room_of(teacher, student)
    promote(student, room, role)
    refused(delete(as_student, room), 403, "forbidden")
    assert answered(as_student.get(f"{API}/conversations/{room}"))["myRole"] == role


def test_staff_do_with_the_right(server: Server, teacher: Person) -> None:
    room = room_of(teacher)
    staff = make_person("moderator", "staff", is_staff=True)
    with client_for(staff, server) as client:
        problems = [refused(delete(client, one), 404, "not_found") for one in (room, RANDOM)]
        assert same_but_for_the_request_id(*problems)
        staff.user.user_permissions.add(Permission.objects.get(codename="moderate_conversation"))
        assert delete(client, room).status_code == 204
