"""Changing a room: what it is called and how it is run."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging.models import Conversation
from tests.live import Server
from tests.messaging.rooms import add, open_direct, promote, room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    entry_details,
    head_of,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"


def patch(client: httpx.Client, room: str, **body: Any) -> httpx.Response:
    return client.patch(f"{API}/conversations/{room}", json=body)


CHANGES: list[Json] = [
    {"name": "Ward round"},
    {"description": "K<3.5 and Na>145, daily"},
    {"tags": ["urgent", "ward 4"]},
    {"priority": "urgent"},
    {"history": "all"},
    {"postingPolicy": "moderators"},
    {"maxMembers": 12},
    {"courseId": "BIO-102"},
]


@pytest.mark.core
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_everybody_is_told_what_changed_and_nothing_else(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, change: Json
) -> None:
    room = room_of(teacher, student)
    before = answered(as_student.get(f"{API}/conversations/{room}"))
    with connect(server, student.token) as socket:
        changed = answered(patch(as_teacher, room, **change))
        event = socket.next_event("conversation:updated")
        assert (event["seq"], event["data"], event["actorId"]) == (1, change, str(teacher.id))
        assert answered(patch(as_teacher, room, **change)) == changed
        socket.nothing_arrives(0.05)
    after = answered(as_student.get(f"{API}/conversations/{room}"))
    assert after == before | change | {"headSeq": 1, "updatedAt": after["updatedAt"]}
    assert changed == after | {"myRole": "owner"}
    assert len(entries("conversation.updated")) == 1


def test_several_at_once_are_one_event(as_teacher: httpx.Client, teacher: Person) -> None:
    room = room_of(teacher, name="Old")
    changed = answered(patch(as_teacher, room, name="New", description="", tags=["a", "b", "a"], priority="normal"))
    assert (changed["name"], changed["tags"], "description" in changed) == ("New", ["a", "b"], False)
    events = answered(as_teacher.get(f"{API}/conversations/{room}/events"))["results"]
    assert [event["data"] for event in events] == [{"name": "New", "tags": ["a", "b"]}]
    [entry] = entries("conversation.updated", teacher)
    assert entry_details(entry) == {"name": "changed", "tags": "changed"}


def test_a_description_is_taken_away_with_an_empty_one(as_teacher: httpx.Client, teacher: Person) -> None:
    room = room_of(teacher)
    assert answered(patch(as_teacher, room, description="<script>x</script>y"))["description"] == "xy"
    assert "description" not in answered(patch(as_teacher, room, description=" "))


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"name": ""}, "invalid", 400),
        ({"name": "Support"}, "invalid", 400),
        ({"name": "a\u202eb"}, "invalid", 400),
        ({"name": "\u0430dmin"}, "invalid", 400),
        ({"name": None}, "invalid", 400),
        ({"tags": "x"}, "invalid", 400),
        ({"tags": ["x"] * 21}, "invalid", 400),
        ({"tags": ["x" * 33]}, "invalid", 400),
        ({"tags": [""]}, "invalid", 400),
        ({"tags": [1]}, "invalid", 400),
        ({"tags": ["a\u200bb"]}, "invalid", 400),
        ({"tags": None}, "invalid", 400),
        ({"description": "x" * 501}, "invalid", 400),
        ({"history": "none"}, "invalid", 400),
        ({"postingPolicy": "nobody"}, "invalid", 400),
        ({"maxMembers": 1}, "invalid", 400),
        ({"maxMembers": 10**9}, "invalid", 400),
        ({"courseId": "x" * 65}, "invalid", 400),
        ({"courseId": ""}, "invalid", 400),
        ({"kind": "group"}, "unknown_field", 400),
        ({"createdBy": RANDOM}, "unknown_field", 400),
        ({"maxMembers": 2}, "conflict", 409),
    ],
    ids=lambda value: ascii(value)[:45],
)
def test_bad_input_changes_nothing(
    as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person, body: Json, code: str, status: int
) -> None:
    """T053: `kind` is not among what can be changed."""
    room = room_of(teacher, student, classmate, kind="course")
    before = answered(as_teacher.get(f"{API}/conversations/{room}"))
    refused(patch(as_teacher, room, **body), status, code)
    assert answered(as_teacher.get(f"{API}/conversations/{room}")) == before


@pytest.mark.core
@pytest.mark.parametrize("role", ["moderator", "member"])
def test_who_may(as_student: httpx.Client, teacher: Person, student: Person, role: str) -> None:
    room = room_of(teacher, student)
    promote(student, room, role)
    if role == "moderator":
        assert answered(patch(as_student, room, name="Other"))["name"] == "Other"
        refused(patch(as_student, room, history="all"), 403, "forbidden")
        refused(patch(as_student, room, history="all", name="Both"), 403, "forbidden")
        assert answered(as_student.get(f"{API}/conversations/{room}"))["name"] == "Other"
    else:
        refused(patch(as_student, room, name="Other"), 403, "forbidden")
        assert head_of(room) == 0


@pytest.mark.core
def test_where_only_moderators_write(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    answered(patch(as_teacher, room, postingPolicy="moderators"))
    refused(post(as_student, room), 403, "forbidden")
    promote(student, room, "moderator")
    send(as_student, room)
    promote(student, room, "member")
    answered(patch(as_teacher, room, postingPolicy="all"))
    send(as_student, room)


def test_how_far_back_newcomers_read_holds_at_once(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher)
    say(teacher, room, "before")
    answered(add(as_teacher, room, student), 201)
    assert contents(page(as_student, room)["results"]) == []
    answered(patch(as_teacher, room, history="all"))
    assert contents(page(as_student, room)["results"]) == ["before"]
    answered(patch(as_teacher, room, history="since_joining"))
    assert contents(page(as_student, room)["results"]) == []


def test_of_two_what_they_have_no_use_for_is_no_field(
    server: Server, as_student: httpx.Client, student: Person, classmate: Person, pat1: Person, doc1: Person
) -> None:
    direct, clinical = open_direct(student, classmate), open_clinical(pat1, doc1)
    for body in ({"name": "x"}, {"description": "x"}, {"history": "all"}, {"maxMembers": 5}, {"courseId": "x"}):
        refused(patch(as_student, direct, **body), 400, "unknown_field")
    assert answered(patch(as_student, direct, tags=["exam"], priority="urgent"))["tags"] == ["exam"]
    with client_for(doc1, server) as client:
        for body in ({"name": "x"}, {"postingPolicy": "moderators"}, {"maxMembers": 5}):
            refused(patch(client, clinical, **body), 400, "unknown_field")
        assert answered(patch(client, clinical, tags=["diabetes"]))["tags"] == ["diabetes"]
    with client_for(pat1, server) as client:
        refused(patch(client, clinical, tags=["x"]), 403, "forbidden")


def test_what_a_room_is_called_is_sealed(as_teacher: httpx.Client, teacher: Person) -> None:
    room = room_of(teacher, name="Firstname")
    answered(patch(as_teacher, room, name="Secondname", tags=["thirdname"], description="Fourthname"))
    stored = bytes(Conversation.objects.get(pk=UUID(room)).details or b"")
    assert stored
    assert not any(word in stored for word in (b"Firstname", b"Secondname", b"thirdname", b"Fourthname"))


def test_a_stranger_gets_404_like_a_random_id(as_student: httpx.Client, teacher: Person) -> None:
    room = room_of(teacher, kind="public")
    problems = [refused(patch(as_student, one, name="x"), 404, "not_found") for one in (room, RANDOM)]
    assert same_but_for_the_request_id(*problems)
