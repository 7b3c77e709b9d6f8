"""Banning somebody from a room: they are out, and stay out until it is lifted."""

import httpx
import pytest

from tests.live import Server
from tests.messaging.rooms import add, change, join, leave, members, promote, remove, role_of, room_of, stay_of
from tests.messaging.talking import answered, entries, head_of, post, refused, same_but_for_the_request_id, say
from tests.people import Person, client_for
from tests.sockets import connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


def test_who_is_banned_is_out_and_cannot_come_back(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public")
    with connect(server, student.token) as socket:
        banned = answered(change(as_teacher, room, student, isBlocked=True))
        assert (banned["userId"], banned["isBlocked"]) == (str(student.id), True)
        event = socket.next_event("member:left")
        assert (event["seq"], event["data"]) == (1, {"userId": str(student.id), "reason": "removed"})
        say(teacher, room, "nothing for them")
        socket.next_event("conversation:removed")
        socket.nothing_arrives()
    problems = [refused(join(as_student, one), 404, "not_found") for one in (room, RANDOM)]
    assert same_but_for_the_request_id(*problems)
    refused(post(as_student, room), 404, "not_found")
    refused(add(as_teacher, room, student), 409, "conflict")
    assert (role_of(student, room), head_of(room)) == (None, 2)
    assert [entry.object for entry in entries("member.banned", teacher)] == [student.id]


def test_until_it_is_lifted(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public")
    for _ in range(2):
        answered(change(as_teacher, room, student, isBlocked=True))
    for _ in range(2):
        assert answered(change(as_teacher, room, student, isBlocked=False))["isBlocked"] is False
    assert role_of(student, room) is None
    answered(join(as_student, room))
    assert role_of(student, room) == "member"
    assert (len(entries("member.banned")), len(entries("member.unbanned")), head_of(room)) == (1, 1, 2)


def test_somebody_who_has_left_can_be_banned_too(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public")
    assert leave(as_student, room).status_code == 204
    answered(change(as_teacher, room, student, isBlocked=True))
    refused(join(as_student, room), 404, "not_found")
    assert (head_of(room), stay_of(student, room).is_blocked) == (1, True)
    for body in ({"role": "owner"}, {"isMuted": True}):
        refused(change(as_teacher, room, student, **body), 404, "not_found")
    refused(remove(as_teacher, room, student), 404, "not_found")


def test_who_leads_sees_who_is_banned(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student, classmate)
    answered(change(as_teacher, room, student, isBlocked=True))
    assert [m["userId"] for m in members(as_teacher, room, blocked="true")] == [str(student.id)]
    assert [m["userId"] for m in members(as_teacher, room, blocked="false")] == [str(teacher.id), str(classmate.id)]
    with client_for(classmate, server) as client:
        refused(client.get(f"/api/v1/conversations/{room}/members?blocked=true"), 403, "forbidden")
        assert len(members(client, room)) == 2
        refused(client.get(f"/api/v1/conversations/{room}/members?blocked=1"), 400, "invalid")


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        ("owner", "owner", True),
        ("owner", "moderator", True),
        ("moderator", "owner", False),
        ("moderator", "moderator", False),
        ("moderator", "member", True),
        ("member", "member", False),
    ],
)
def test_who_bans_whom(
    as_student: httpx.Client, teacher: Person, student: Person, classmate: Person, mine: str, theirs: str, allowed: bool
) -> None:
    room = room_of(teacher, student, classmate)
    promote(student, room, mine)
    promote(classmate, room, theirs)
    response = change(as_student, room, classmate, isBlocked=True)
    if allowed:
        answered(response)
    else:
        refused(response, 403, "forbidden")
        assert (role_of(classmate, room), head_of(room)) == (theirs, 0)


def test_nobody_bans_themselves(as_teacher: httpx.Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    promote(student, room, "owner")
    refused(change(as_teacher, room, teacher, isBlocked=True), 403, "forbidden")
    assert (role_of(teacher, room), head_of(room)) == ("owner", 0)
