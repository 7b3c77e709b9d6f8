"""Creating rooms: who may, what they are called, who is in them from the beginning."""

from uuid import UUID

import httpx
import pytest
from pytest_django.fixtures import Settings

from accounts import services as accounts
from core.actor import SYSTEM
from messaging.models import Conversation, Membership, RoomWord
from tests.live import Server
from tests.messaging.rooms import create, created, members, room_of
from tests.messaging.talking import Json, answered, entries, post, refused, same_but_for_the_request_id, send
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"
KINDS = ("group", "private", "study_group", "public", "course")


@pytest.mark.core
def test_who_creates_a_room_owns_it_and_everybody_named_is_in_it(
    server: Server, teacher: Person, student: Person, classmate: Person
) -> None:
    with client_for(teacher, server) as client, connect(server, student.token) as socket:
        room = created(
            client,
            kind="course",
            name="Anatomy I",
            description="Everything with <b>bones</b>, K<3.5 and Na>145.",
            courseId="BIO-101",
            memberIds=[str(student.id), str(classmate.id)],
        )
        assert socket.next_event("conversation:added")["data"] == {"conversationId": room["id"]}
        send(client, room["id"], "Welcome.")
        assert socket.next_event("message:new")["data"]["content"] == "Welcome."
        assert {m["userId"]: m["role"] for m in members(client, room["id"])} == {
            str(teacher.id): "owner",
            str(student.id): "member",
            str(classmate.id): "member",
        }
    assert (room["name"], room["courseId"], room["myRole"]) == ("Anatomy I", "BIO-101", "owner")
    assert room["description"] == "Everything with bones, K<3.5 and Na>145."
    assert (room["memberCount"], room["maxMembers"], room["headSeq"], room["tags"]) == (3, 500, 0, [])
    assert room["createdBy"] == str(teacher.id)
    with client_for(student, server) as client:
        theirs = answered(client.get(f"/api/v1/conversations/{room['id']}"))
        assert (theirs["name"], theirs["myRole"], theirs["unreadCount"]) == ("Anatomy I", "member", 1)
    [entry] = entries("conversation.created", teacher)
    assert str(entry.object) == room["id"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("patient", ()),
        ("student", ("group", "private", "study_group")),
        ("provider", ("group", "private", "study_group", "public")),
        ("instructor", KINDS),
        ("staff", KINDS),
    ],
)
def test_what_a_role_may_create(server: Server, role: str, may: tuple[str, ...], kind: str) -> None:
    """T053: nobody makes a kind of room that their role does not give them."""
    with client_for(make_person("somebody", role), server) as client:
        response = create(client, kind=kind, name="Tuesdays", **({"courseId": "C1"} if kind == "course" else {}))
        if kind in may:
            answered(response, 201)
        else:
            refused(response, 403, "forbidden")
    assert Conversation.objects.count() == (kind in may)


@pytest.mark.parametrize("kind", KINDS)
def test_what_newcomers_read_depends_on_the_kind(server: Server, teacher: Person, kind: str) -> None:
    with client_for(teacher, server) as client:
        room = created(client, kind=kind, name="Tuesdays", courseId="C1")
    assert room["history"] == ("all" if kind in {"public", "course", "study_group"} else "since_joining")
    assert room["postingPolicy"] == "all"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "evil\u202egpj.exe"}, "name"),
        ({"name": "evil\u2066x"}, "name"),
        ({"name": "in\u200bvisible"}, "name"),
        ({"name": "\u0430dmin talk"}, "name"),
        ({"name": "Z" + "\u0301" * 300}, "name"),
        ({"name": "System"}, "name"),
        ({"name": "Support"}, "name"),
        ({"name": "5upp0rt"}, "name"),
        ({"name": "x", "description": "y" * 501}, "description"),
        ({"name": "x", "courseId": "c" * 65}, "courseId"),
        ({"name": "x", "courseId": "c\u202ed"}, "courseId"),
        ({"name": "x", "courseId": 7}, "courseId"),
        ({"name": "x", "maxMembers": 1}, "maxMembers"),
        ({"name": "x", "maxMembers": 501}, "maxMembers"),
        ({"name": "x", "maxMembers": "10"}, "maxMembers"),
        ({"name": "x", "memberIds": "me"}, "memberIds"),
        ({"name": "x", "memberIds": [1]}, "memberIds.0"),
        ({"name": "x", "memberIds": [RANDOM] * 501}, "memberIds"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_room_that_is_not_well_named_is_none(server: Server, student: Person, body: Json, field: str) -> None:
    """T066 for rooms."""
    with client_for(student, server) as client:
        problem = refused(create(client, kind="group", **body), 400, "invalid")
    assert {error["field"] for error in problem["errors"]} == {field}
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("name", ["\\u0000", "a\\u0007b", "\\ud800"])
def test_a_name_that_cannot_be_stored(server: Server, student: Person, name: str) -> None:
    body = f'{{"kind":"group","name":"{name}"}}'
    with client_for(student, server) as client:
        headers = {"content-type": "application/json"}
        response = client.post("/api/v1/conversations", content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json()["code"] in {"invalid", "invalid_text"}
    assert not Conversation.objects.exists()


def test_markup_in_a_name_is_text(server: Server, student: Person) -> None:
    """T065: a name is kept as it was typed, and travels as JSON that no browser takes for anything else."""
    with client_for(student, server) as client:
        response = create(client, kind="group", name="<svg/onload=alert(1)> Bones")
    assert answered(response, 201)["name"] == "<svg/onload=alert(1)> Bones"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"kind": "course", "name": "x"}, "invalid", "courseId"),
        ({"kind": "course", "name": "x", "courseId": ""}, "invalid", "courseId"),
        ({"kind": "group", "name": "x", "userId": RANDOM}, "unknown_field", None),
        ({"kind": "group", "name": "x", "patientId": RANDOM}, "unknown_field", None),
        ({"kind": "group", "name": "x", "history": "all"}, "unknown_field", None),
        ({"kind": "direct", "userId": RANDOM, "name": "x"}, "unknown_field", None),
        ({"kind": "club", "name": "x"}, "invalid", "kind"),
    ],
    ids=str,
)
def test_each_kind_has_its_own_fields(server: Server, teacher: Person, body: Json, code: str, field: str) -> None:
    with client_for(teacher, server) as client:
        problem = refused(create(client, **body), 400, code)
    if field:
        assert [error["field"] for error in problem["errors"]] == [field]


def test_only_people_one_may_know_of_can_be_put_into_it(server: Server, student: Person, pat1: Person) -> None:
    """T054, T062: somebody out of reach is nobody, and a room with them is not made."""
    with client_for(student, server) as client:
        problems = [
            refused(create(client, kind="group", name="x", memberIds=[one]), 404, "not_found")
            for one in (str(pat1.id), RANDOM)
        ]
    assert same_but_for_the_request_id(*problems)
    assert not Conversation.objects.exists()
    assert [str(entry.object) for entry in entries("access.denied", student)] == [str(pat1.id), RANDOM]


def test_whom_one_may_write_to_can_be_and_writes_there(
    server: Server, doc1: Person, pat1: Person, staff: Person
) -> None:
    with client_for(staff, server) as client:
        room = created(client, kind="group", name="Case meeting", memberIds=[str(pat1.id), str(doc1.id)])
    with client_for(pat1, server) as client:
        send(client, room["id"], "Thank you for having me.")


@pytest.mark.parametrize("kind", ["group", "private", "study_group"])
def test_sharing_a_conversation_is_not_enough(
    server: Server, student: Person, classmate: Person, pat1: Person, doc1: Person, staff: Person, kind: str
) -> None:
    """A room of two is a conversation: who may not begin one with somebody does not by calling it a room."""
    room_of(staff, student, pat1, doc1)
    with client_for(student, server) as client:
        for other in (pat1, doc1):
            ids = [str(classmate.id), str(other.id)]
            refused(create(client, kind=kind, name="x", memberIds=ids), 403, "forbidden")
    assert Conversation.objects.count() == 1


def test_nobody_is_in_it_twice(server: Server, student: Person, classmate: Person) -> None:
    ids = [str(classmate.id), str(student.id), str(classmate.id)]
    with client_for(student, server) as client:
        room = created(client, kind="group", name="Night shift", memberIds=ids)
    assert room["memberCount"] == 2


def test_disabled_people_are_not_put_into_it(server: Server, student: Person, staff: Person) -> None:
    room_of(staff, student)
    accounts.disable_user(actor=SYSTEM, user=staff.user)
    with client_for(student, server) as client:
        refused(create(client, kind="group", name="x", memberIds=[str(staff.id)]), 403, "forbidden")


def test_not_more_than_it_may_have(server: Server, student: Person, classmate: Person, teacher: Person) -> None:
    ids = [str(classmate.id), str(teacher.id)]
    with client_for(student, server) as client:
        body = {"kind": "group", "name": "x", "memberIds": ids, "maxMembers": 2}
        refused(create(client, **body), 409, "conversation_full")
        assert not Conversation.objects.exists()
        created(client, **{**body, "maxMembers": 3})


def test_the_bound_of_all_rooms_is_a_setting(server: Server, student: Person, settings: Settings) -> None:
    settings.ROOM_MAX_MEMBERS = 7
    with client_for(student, server) as client:
        assert created(client, kind="group", name="x")["maxMembers"] == 7


def test_two_rooms_may_have_one_name(server: Server, student: Person, classmate: Person) -> None:
    """T062: making a room tells nothing about what others have called theirs."""
    made = []
    for person in (student, classmate):
        with client_for(person, server) as client:
            made.append(created(client, kind="private", name="R1"))
    assert made[0]["id"] != made[1]["id"]


def test_a_private_room_is_nothing_to_others(server: Server, student: Person, classmate: Person) -> None:
    """T062."""
    room = room_of(student, kind="private")
    problems = []
    with client_for(classmate, server) as client:
        for one in (room, RANDOM):
            problems += [
                refused(client.get(f"/api/v1/conversations/{one}"), 404, "not_found"),
                refused(client.post(f"/api/v1/conversations/{one}/join"), 404, "not_found"),
                refused(client.get(f"/api/v1/conversations/{one}/members"), 404, "not_found"),
                refused(post(client, one), 404, "not_found"),
            ]
    assert same_but_for_the_request_id(*problems)


def test_names_are_stored_sealed_and_only_open_rooms_can_be_searched(student: Person, teacher: Person) -> None:
    closed, open_one = room_of(student, kind="private"), room_of(teacher, kind="public")
    for room in Conversation.objects.all():
        assert b"Room" not in bytes(room.details or b"")
    assert {str(word.conversation_id) for word in RoomWord.objects.all()} == {open_one}
    assert closed != open_one


def test_a_clinical_conversation_has_no_name(server: Server, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with client_for(doc1, server) as client:
        assert "name" not in answered(client.get(f"/api/v1/conversations/{conversation}"))


def test_without_a_record_no_room_is_made(as_student: httpx.Client, log_cannot_be_written: None) -> None:
    refused(create(as_student, kind="group", name="x"), 503, "audit_unavailable")
    assert not Conversation.objects.exists()
    assert not Membership.objects.exists()


def test_details_that_were_altered_cost_the_name_and_nothing_else(server: Server, student: Person) -> None:
    room = room_of(student)
    Conversation.objects.filter(pk=UUID(room)).update(details_revision=5)
    with client_for(student, server) as client:
        found = answered(client.get(f"/api/v1/conversations/{room}"))
        assert (found["name"], found["tags"], found["myRole"]) == (None, [], "owner")
        assert len(answered(client.get("/api/v1/conversations"))["results"]) == 1
        again = answered(client.patch(f"/api/v1/conversations/{room}", json={"name": "Named anew"}))
        assert again["name"] == "Named anew"


def test_a_student_cannot_turn_a_room_into_another_kind(server: Server, student: Person) -> None:
    """T053."""
    room = room_of(student, kind="private")
    with client_for(student, server) as client:
        refused(client.patch(f"/api/v1/conversations/{room}", json={"kind": "public"}), 400, "unknown_field")
