"""Roles in a room: who gives which, and that it always has an owner."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest

from messaging.models import Membership
from tests.live import Server
from tests.messaging.rooms import change, members, open_direct, promote, role_of, room_of
from tests.messaging.talking import answered, entries, entry_details, head_of, refused, same_but_for_the_request_id
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


def test_an_owner_gives_roles_and_everybody_hears_of_it(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student, classmate)
    with connect(server, classmate.token) as socket:
        for number, role in enumerate(("moderator", "owner", "member"), 1):
            member = answered(change(as_teacher, room, student, role=role))
            assert (member["userId"], member["role"]) == (str(student.id), role)
            event = socket.next_event("member:updated")
            assert (event["seq"], event["data"], event["actorId"]) == (number, member, str(teacher.id))
            assert member in members(as_teacher, room)
    details = [entry_details(entry) for entry in entries("member.updated", teacher)]
    assert details == [{"role": "moderator"}, {"role": "owner"}, {"role": "member"}]


def test_a_repeat_changes_nothing(as_teacher: httpx.Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    for body in ({"role": "member"}, {}, {"isMuted": False}, {"isBlocked": False}):
        answered(change(as_teacher, room, student, **body))
    assert (head_of(room), entries("member.updated")) == (0, [])


@pytest.mark.parametrize("mine", ["moderator", "member"])
def test_only_owners_give_roles(
    as_student: httpx.Client, teacher: Person, student: Person, classmate: Person, mine: str
) -> None:
    room = room_of(teacher, student, classmate)
    promote(student, room, mine)
    for person in (classmate, student, teacher):
        refused(change(as_student, room, person, role="moderator"), 403, "forbidden")
        refused(change(as_student, room, person, role="owner"), 403, "forbidden")
    assert (role_of(student, room), role_of(teacher, room), head_of(room)) == (mine, "owner", 0)


def test_handing_a_room_over(server: Server, as_teacher: httpx.Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    refused(change(as_teacher, room, teacher, role="member"), 409, "conflict")
    assert (role_of(teacher, room), head_of(room)) == ("owner", 0)
    answered(change(as_teacher, room, student, role="owner"))
    answered(change(as_teacher, room, teacher, role="member"))
    refused(change(as_teacher, room, student, role="member"), 403, "forbidden")
    with client_for(student, server) as client:
        refused(change(client, room, student, role="moderator"), 409, "conflict")


def test_of_two_owners_who_step_down_at_once_one_stays(
    server: Server, teacher: Person, student: Person, classmate: Person
) -> None:
    for _ in range(5):
        room = room_of(teacher, student, classmate)
        promote(student, room, "owner")
        with client_for(teacher, server) as one, client_for(student, server) as other, ThreadPoolExecutor(2) as pool:
            steps = [
                pool.submit(change, who, room, self, role="member") for who, self in ((one, teacher), (other, student))
            ]
            codes = sorted(step.result().status_code for step in steps)
        assert codes == [200, 409]
        assert Membership.objects.filter(conversation=UUID(room), role="owner").count() == 1


def test_conversations_of_two_have_no_roles_to_give(
    as_student: httpx.Client, server: Server, student: Person, classmate: Person, pat1: Person, doc1: Person
) -> None:
    direct, clinical = open_direct(student, classmate), open_clinical(pat1, doc1)
    refused(change(as_student, direct, classmate, role="owner"), 403, "forbidden")
    with client_for(doc1, server) as client:
        for body in ({"role": "owner"}, {"isMuted": True}, {"isBlocked": True}):
            refused(change(client, clinical, pat1, **body), 403, "forbidden")
    assert (role_of(pat1, clinical), role_of(classmate, direct)) == ("member", "member")


def test_what_is_no_change_of_a_member(as_teacher: httpx.Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student)
    for body, code in (
        ({"role": "king"}, "invalid"),
        ({"role": None}, "invalid"),
        ({"isMuted": "yes"}, "invalid"),
        ({"isBlocked": 1}, "invalid"),
        ({"isBlocked": True, "role": "member"}, "invalid"),
        ({"userId": str(student.id)}, "unknown_field"),
        ({"lastReadSeq": 5}, "unknown_field"),
    ):
        refused(change(as_teacher, room, student, **body), 400, code)
    assert head_of(room) == 0


def test_somebody_who_is_no_member(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, classmate: Person
) -> None:
    room = room_of(teacher)
    problems = [refused(change(as_teacher, room, one, role="owner"), 404, "not_found") for one in (classmate, RANDOM)]
    assert same_but_for_the_request_id(*problems)
    refused(change(as_student, room, teacher, role="member"), 404, "not_found")
