"""Muting a member: they read, and write nothing."""

import httpx
import pytest

from tests.live import Server
from tests.messaging.rooms import change, open_direct, promote, room_of, stay_of
from tests.messaging.talking import answered, contents, entries, entry_details, head_of, page, post, refused, say, send
from tests.people import Person, client_for
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_a_muted_member_reads_and_does_not_write(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    own = send(as_student, room, "while I could")
    with connect(server, student.token) as socket:
        assert answered(change(as_teacher, room, student, isMuted=True))["isMuted"] is True
        event = socket.next_event("member:updated")
        assert (event["seq"], event["data"]["isMuted"], event["data"]["userId"]) == (2, True, str(student.id))
        refused(post(as_student, room), 403, "forbidden")
        refused(as_student.patch(f"/api/v1/messages/{own['id']}", json={"content": "x"}), 403, "forbidden")
        assert socket.ask_raw("message:new", {"conversationId": room, "content": "x"})["error"]["code"] == "forbidden"
        say(teacher, room, "listen")
        assert socket.next_event("message:new")["data"]["content"] == "listen"
    assert contents(page(as_student, room)["results"]) == ["while I could", "listen"]
    assert answered(change(as_teacher, room, student, isMuted=False))["isMuted"] is False
    send(as_student, room, "thank you")
    assert [entry_details(entry) for entry in entries("member.updated", teacher)] == [
        {"is_muted": True},
        {"is_muted": False},
    ]


@pytest.mark.parametrize("role", ["moderator", "owner"])
def test_a_muted_moderator_says_nothing_by_what_the_room_is_called_either(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, classmate: Person, role: str
) -> None:
    """They moderate all the same."""
    room = room_of(teacher, student, classmate)
    promote(student, room, role)
    answered(change(as_teacher, room, student, isMuted=True))
    head = head_of(room)
    for words in ({"name": "Still here"}, {"description": "I still speak"}, {"tags": ["me"]}):
        refused(as_student.patch(f"/api/v1/conversations/{room}", json=words), 403, "forbidden")
    assert head_of(room) == head
    answered(change(as_student, room, classmate, isMuted=True))
    answered(change(as_teacher, room, student, isMuted=False))
    answered(as_student.patch(f"/api/v1/conversations/{room}", json={"name": "Back"}))


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        ("owner", "owner", True),
        ("moderator", "owner", False),
        ("moderator", "moderator", False),
        ("moderator", "member", True),
        ("member", "member", False),
    ],
)
def test_who_mutes_whom(
    as_student: httpx.Client, teacher: Person, student: Person, classmate: Person, mine: str, theirs: str, allowed: bool
) -> None:
    room = room_of(teacher, student, classmate)
    promote(student, room, mine)
    promote(classmate, room, theirs)
    assert change(as_student, room, classmate, isMuted=True).status_code == (200 if allowed else 403)
    assert stay_of(classmate, room).is_muted is allowed


def test_nobody_mutes_themselves_or_the_other_of_two(
    as_student: httpx.Client, server: Server, student: Person, classmate: Person
) -> None:
    room, direct = room_of(student, classmate), open_direct(student, classmate)
    refused(change(as_student, room, student, isMuted=True), 403, "forbidden")
    refused(change(as_student, direct, classmate, isMuted=True), 403, "forbidden")
    with client_for(classmate, server) as client:
        send(client, direct)
    assert head_of(room) == 0
