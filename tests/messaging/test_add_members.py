"""Adding people to a room."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from accounts import services as accounts
from core.actor import SYSTEM
from messaging.models import Membership
from tests.live import Server
from tests.messaging.rooms import add, change, leave, members, open_direct, promote, role_of, room_of, stay_of
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"


@pytest.mark.core
def test_those_who_are_added_are_members_at_once(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher)
    say(teacher, room, "before they came")
    with connect(server, student.token) as first, connect(server, classmate.token) as second:
        added = answered(add(as_teacher, room, student, classmate), 201)
        assert [(m["userId"], m["role"]) for m in added["results"]] == [
            (str(student.id), "member"),
            (str(classmate.id), "member"),
        ]
        for socket in (first, second):
            assert socket.next_event("conversation:added")["data"] == {"conversationId": room}
        joined = [first.next_event("member:joined") for _ in range(2)]
        assert [(event["seq"], event["data"]) for event in joined] == [
            (2, added["results"][0]),
            (3, added["results"][1]),
        ]
        assert joined[0]["actorId"] == str(teacher.id)
        assert second.next_event("member:joined")["seq"] == 3
        send(as_teacher, room, "welcome")
        assert [socket.next_event("message:new")["seq"] for socket in (first, second)] == [4, 4]
        second.nothing_arrives()
    assert members(as_teacher, room)[1:] == added["results"]
    with client_for(classmate, server) as client:
        assert contents(page(client, room)["results"]) == ["welcome"]
    assert [entry.object for entry in entries("member.added", teacher)] == [student.id, classmate.id]


def test_who_is_in_already_stays_what_they_are(
    as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student)
    promote(student, room, "moderator")
    again = answered(add(as_teacher, room, student))
    assert [(m["userId"], m["role"]) for m in again["results"]] == [(str(student.id), "moderator")]
    assert head_of(room) == 0
    both = answered(add(as_teacher, room, student, classmate, classmate, teacher), 201)
    assert {m["userId"] for m in both["results"]} == {str(student.id), str(classmate.id)}
    assert head_of(room) == 1


@pytest.mark.parametrize(("role", "code"), [("owner", 201), ("moderator", 201), ("member", 403)])
def test_owners_and_moderators_add(
    server: Server, as_student: httpx.Client, teacher: Person, student: Person, classmate: Person, role: str, code: int
) -> None:
    room = room_of(teacher, student)
    promote(student, room, role)
    assert add(as_student, room, classmate).status_code == code
    assert role_of(classmate, room) == ("member" if code == 201 else None)


def test_only_owners_add_with_a_role(
    as_student: httpx.Client, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student)
    promote(student, room, "moderator")
    for role in ("owner", "moderator"):
        refused(add(as_student, room, classmate, role=role), 403, "forbidden")
    assert (role_of(classmate, room), head_of(room)) == (None, 0)
    answered(add(as_student, room, classmate, role="member"), 201)
    other = make_person("assistant", "instructor")
    answered(add(as_teacher, room, other, role="owner"), 201)
    assert role_of(other, room) == "owner"


def test_only_people_one_may_know_of(
    as_student: httpx.Client, student: Person, pat1: Person, classmate: Person
) -> None:
    """All of them or nobody: with one who is out of reach the others stay outside too."""
    room = room_of(student)
    problems = [refused(add(as_student, room, classmate, one), 404, "not_found") for one in (str(pat1.id), RANDOM)]
    assert same_but_for_the_request_id(*problems)
    assert (role_of(classmate, room), head_of(room)) == (None, 0)


def test_somebody_known_from_another_conversation_is_added_by_who_may_write_to_them(
    server: Server, as_student: httpx.Client, student: Person, doc1: Person, pat1: Person
) -> None:
    """Sharing a conversation with them is not enough, whatever the room."""
    staff = make_person("chief", "staff")
    room_of(staff, student, doc1, pat1)
    room = room_of(student, staff)
    for person in (doc1, pat1):
        refused(add(as_student, room, person), 403, "forbidden")
    assert head_of(room) == 0
    promote(staff, room, "moderator")
    with client_for(staff, server) as client:
        answered(add(client, room, doc1, pat1), 201)
    answered(add(as_student, room, doc1), 200)


def test_disabled_people_are_not_added(
    as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room_of(teacher, student)
    accounts.disable_user(actor=SYSTEM, user=student.user)
    room = room_of(teacher)
    refused(add(as_teacher, room, classmate, student), 403, "forbidden")
    assert (role_of(classmate, room), head_of(room)) == (None, 0)


@pytest.mark.core
def test_a_full_room_takes_all_of_them_or_nobody(
    as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, max_members=2)
    refused(add(as_teacher, room, student, classmate), 409, "conversation_full")
    assert (head_of(room), role_of(student, room)) == (0, None)
    answered(add(as_teacher, room, student), 201)
    answered(add(as_teacher, room, student))
    refused(add(as_teacher, room, classmate), 409, "conversation_full")


def test_who_was_banned_is_not_added(
    as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student)
    answered(change(as_teacher, room, student, isBlocked=True))
    head = head_of(room)
    refused(add(as_teacher, room, classmate, student), 409, "conflict")
    assert (head_of(room), role_of(classmate, room)) == (head, None)
    answered(change(as_teacher, room, student, isBlocked=False))
    answered(add(as_teacher, room, classmate, student), 201)


def test_who_left_can_be_added_again_with_another_stay(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    """T048."""
    room = room_of(teacher, student)
    assert leave(as_student, room).status_code == 204
    say(teacher, room, *[f"unheard {n}" for n in range(5)])
    answered(add(as_teacher, room, student), 201)
    assert page(as_student, room)["results"] == []
    assert [stay_of(student, room).joined_seq, Membership.objects.filter(user=student.user).count()] == [7, 2]


def test_nobody_is_added_to_a_conversation_of_two(
    as_student: httpx.Client, student: Person, classmate: Person, teacher: Person
) -> None:
    direct = open_direct(student, classmate)
    refused(add(as_student, direct, teacher), 403, "forbidden")
    assert Membership.objects.filter(conversation=UUID(direct)).count() == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"userIds": []}, "invalid"),
        ({"userIds": "x"}, "invalid"),
        ({"userIds": [5]}, "invalid"),
        ({"userIds": [None]}, "invalid"),
        ({"userIds": [str(UUID(int=n)) for n in range(501)]}, "invalid"),
        ({}, "invalid"),
        ({"userIds": [RANDOM], "role": "king"}, "invalid"),
        ({"userIds": [RANDOM], "until": "2030-01-01T00:00:00Z"}, "unknown_field"),
        ({"userIds": [RANDOM], "isMuted": True}, "unknown_field"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_list_of_people(as_student: httpx.Client, student: Person, body: dict[str, Any], code: str) -> None:
    room = room_of(student)
    refused(as_student.post(f"/api/v1/conversations/{room}/members", json=body), 400, code)
    assert head_of(room) == 0


def test_a_strangers_adding_is_404_like_a_random_id(
    as_student: httpx.Client, teacher: Person, classmate: Person
) -> None:
    room = room_of(teacher, kind="public")
    problems = [refused(add(as_student, one, classmate), 404, "not_found") for one in (room, RANDOM)]
    assert same_but_for_the_request_id(*problems)


def test_without_a_record_nobody_is_added(
    as_teacher: httpx.Client, room_of_teacher: str, classmate: Person, log_cannot_be_written: None
) -> None:
    refused(add(as_teacher, room_of_teacher, classmate), 503, "audit_unavailable")
    assert role_of(classmate, room_of_teacher) is None


@pytest.fixture
def room_of_teacher(teacher: Person) -> str:
    return room_of(teacher)
