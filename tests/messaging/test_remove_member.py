"""Removing somebody from a room: from then on it is as if it did not exist for them, by every door."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging import querysets, services
from messaging.querysets import members, people_sharing_with
from realtime import streams
from tests.live import Server
from tests.messaging.rooms import add, change, open_direct, promote, remove, role_of, room_of, stay_of
from tests.messaging.talking import (
    API,
    answered,
    entries,
    head_of,
    post,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for
from tests.sockets import Client, connect

RANDOM = "01890000-0000-7000-8000-000000000000"


@pytest.mark.core
def test_who_is_removed_gets_their_removal_and_nothing_of_what_comes_after_it(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    """T047."""
    room = room_of(teacher, student, classmate)
    with connect(server, student.token) as removed, connect(server, classmate.token) as other:
        assert remove(as_teacher, room, student).status_code == 204
        say(teacher, room, *[f"number {n}" for n in range(100)])
        for socket in (removed, other):
            event = socket.next_event("member:left")
            assert event["data"] == {"userId": str(student.id), "reason": "removed"}
            assert (event["seq"], event["actorId"]) == (1, str(teacher.id))
        assert removed.next_event("conversation:removed")["data"] == {"conversationId": room}
        assert [other.next_event("message:new")["seq"] for _ in range(100)] == [*range(2, 102)]
        removed.nothing_arrives()
    stay = stay_of(student, room)
    assert (stay.left_seq, stay.is_blocked) == (1, False)
    assert [entry.object for entry in entries("member.removed", teacher)] == [student.id]


@pytest.mark.core
def test_the_room_is_gone_for_them_everywhere(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    """T045."""
    room = room_of(teacher, student)
    say(teacher, room, "still unread")
    assert answered(as_student.get(f"{API}/conversations/unread-count"))["total"] == 1
    assert remove(as_teacher, room, student).status_code == 204
    assert answered(as_student.get(f"{API}/conversations/unread-count"))["total"] == 0
    assert answered(as_student.get(f"{API}/conversations"))["results"] == []
    assert not people_sharing_with(student.id).exists()
    with connect(server, student.token, resume={"epoch": _epoch(server, student), "cursors": {room: 0}}) as socket:
        assert socket.next_frame_where(lambda frame: frame.get("type") == "resumed")["heads"] == {}
        socket.nothing_arrives(0.1)


Act = Callable[[httpx.Client, str, str], httpx.Response]

ACTS: dict[str, Act] = {
    "send": lambda client, room, message: post(client, room),
    "edit": lambda client, room, message: client.patch(f"{API}/messages/{message}", json={"content": "other"}),
    "delete": lambda client, room, message: client.delete(f"{API}/messages/{message}"),
    "get": lambda client, room, message: client.get(f"{API}/messages/{message}"),
    "read": lambda client, room, message: client.put(f"{API}/conversations/{room}/read", json={"seq": 1}),
    "delivered": lambda client, room, message: client.put(f"{API}/conversations/{room}/delivered", json={"seq": 1}),
    "receipts": lambda client, room, message: client.get(f"{API}/conversations/{room}/receipts"),
    "history": lambda client, room, message: client.get(f"{API}/conversations/{room}/messages"),
    "events": lambda client, room, message: client.get(f"{API}/conversations/{room}/events"),
    "conversation": lambda client, room, message: client.get(f"{API}/conversations/{room}"),
    "rename": lambda client, room, message: client.patch(f"{API}/conversations/{room}", json={"name": "x"}),
    "preferences": lambda client, room, message: client.put(
        f"{API}/conversations/{room}/preferences", json={"archived": True}
    ),
    "members": lambda client, room, message: client.get(f"{API}/conversations/{room}/members"),
    "invite": lambda client, room, message: add(client, room, RANDOM),
    "join": lambda client, room, message: client.post(f"{API}/conversations/{room}/join"),
    "leave": lambda client, room, message: client.post(f"{API}/conversations/{room}/leave"),
    "close": lambda client, room, message: client.delete(f"{API}/conversations/{room}"),
    "typing": lambda client, room, message: client.post(f"{API}/conversations/{room}/typing", json={"isTyping": True}),
}


@pytest.mark.core
@pytest.mark.parametrize("act", sorted(ACTS))
def test_whatever_they_try_answers_like_a_random_id(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, act: str
) -> None:
    """T046 by REST; an old message of their own is not theirs to change any more."""
    room = room_of(teacher, student)
    promote(student, room, "moderator")
    message = send(as_student, room)
    assert remove(as_teacher, room, student).status_code == 204
    head = head_of(room)
    ours, random = ACTS[act](as_student, room, message["id"]), ACTS[act](as_student, RANDOM, RANDOM)
    assert same_but_for_the_request_id(refused(ours, 404, "not_found"), refused(random, 404, "not_found"))
    assert head_of(room) == head


SAYINGS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "message:new": lambda room, message: {"conversationId": room, "content": "x"},
    "message:edit": lambda room, message: {"messageId": message, "content": "x"},
    "message:delete": lambda room, message: {"messageId": message},
    "message:read": lambda room, message: {"conversationId": room, "seq": 1},
    "message:delivered": lambda room, message: {"conversationId": room, "seq": 1},
    "conversation:messages": lambda room, message: {"conversationId": room},
    "conversation:events": lambda room, message: {"conversationId": room, "after": 0},
}


@pytest.mark.core
def test_over_the_socket_that_was_open_too(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    """T046 by WebSocket."""
    room = room_of(teacher, student)
    message = send(as_student, room)
    with connect(server, student.token) as socket:
        assert remove(as_teacher, room, student).status_code == 204
        socket.next_event("conversation:removed")
        for event, data in SAYINGS.items():
            assert _error(socket, event, data(room, message["id"])) == _error(socket, event, data(RANDOM, RANDOM))
        assert head_of(room) == 2


def test_a_second_removal_finds_nobody(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student)
    assert remove(as_teacher, room, student).status_code == 204
    refused(remove(as_teacher, room, student), 404, "not_found")
    refused(remove(as_teacher, room, classmate), 404, "not_found")
    assert head_of(room) == 1


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [
        ("owner", "owner", True),
        ("owner", "moderator", True),
        ("owner", "member", True),
        ("moderator", "owner", False),
        ("moderator", "moderator", False),
        ("moderator", "member", True),
        ("member", "member", False),
        ("member", "owner", False),
    ],
)
def test_who_removes_whom(
    as_student: httpx.Client, student: Person, classmate: Person, teacher: Person, mine: str, theirs: str, allowed: bool
) -> None:
    room = room_of(teacher, student, classmate)
    promote(student, room, mine)
    promote(classmate, room, theirs)
    response = remove(as_student, room, classmate)
    if allowed:
        assert response.status_code == 204
    else:
        refused(response, 403, "forbidden")
    assert role_of(classmate, room) == (None if allowed else theirs)


def test_removing_oneself_is_leaving(
    as_student: httpx.Client, as_teacher: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    refused(remove(as_teacher, room, teacher), 409, "conflict")
    assert remove(as_student, room, student).status_code == 204
    assert entries("member.removed") == []
    assert len(entries("member.left", student)) == 1


def test_nobody_is_removed_from_a_conversation_of_two(
    as_student: httpx.Client, student: Person, classmate: Person
) -> None:
    direct = open_direct(student, classmate)
    for person in (classmate, student):
        refused(remove(as_student, direct, person), 403, "forbidden")
    assert role_of(classmate, direct) == "member"


def test_a_room_that_is_not_ones_own(
    server: Server, as_student: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    """T054: not even who is in it can be found out."""
    room = room_of(teacher, classmate, kind="public")
    answers = [
        remove(as_student, room, classmate),
        remove(as_student, room, RANDOM),
        remove(as_student, RANDOM, RANDOM),
    ]
    first, second, third = (refused(answer, 404, "not_found") for answer in answers)
    assert same_but_for_the_request_id(first, second, third)
    assert role_of(classmate, room) == "member"


def test_past_members_are_for_owners_and_moderators(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student, classmate)
    assert remove(as_teacher, room, student).status_code == 204
    with client_for(classmate, server) as client:
        past, never = (refused(change(client, room, one, isMuted=True), 404, "not_found") for one in (student, RANDOM))
        assert same_but_for_the_request_id(past, never)


def _error(socket: Client, event: str, data: dict[str, Any]) -> dict[str, Any]:
    reply = socket.ask_raw(event, data)
    assert reply["error"]["code"] == "not_found", reply
    return dict(reply["error"])


def _epoch(server: Server, person: Person) -> str:
    with connect(server, person.token) as socket:
        return str(socket.hello["epoch"])


READINGS = {
    "conversation_row": "",
    "members_shown_to": "/members",
    "members_of": "/receipts",
    "sight_of": "/messages",
}


@pytest.mark.core
@pytest.mark.parametrize("query", READINGS)
def test_who_is_removed_while_they_ask_gets_nothing_from_after_it(
    as_student: httpx.Client, teacher: Person, student: Person, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Having found the conversation, before reading it: the removal comes in between."""
    room = room_of(teacher, student)
    module = members if query == "members_of" else querysets
    _just_before(monkeypatch, module, query, lambda: _removed(teacher, room, student))
    refused(as_student.get(f"{API}/conversations/{room}{READINGS[query]}"), 404, "not_found")


@pytest.mark.core
def test_who_is_removed_while_they_ask_for_events_gets_none_from_after_it(
    as_student: httpx.Client, teacher: Person, student: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = room_of(teacher, student)
    say(teacher, room, "for both")

    def go_on() -> None:
        _removed(teacher, room, student)
        say(teacher, room, "for one")

    _just_before(monkeypatch, streams, "read", go_on)
    told = answered(as_student.get(f"{API}/conversations/{room}/events"))
    assert ([event["seq"] for event in told["results"]], told["headSeq"]) == ([1], 1)
    assert head_of(room) == 3


def _just_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, happens: Callable[[], None]) -> None:
    """Once, when this is called the first time."""
    original, done = getattr(module, name), list[bool]()

    def wrapped(*args: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            happens()
        return original(*args, **named)

    monkeypatch.setattr(module, name, wrapped)


def _removed(by: Person, room: str, who: Person) -> None:
    pair = querysets.pair_of(by.id, UUID(room), who.id)
    services.remove_member(actor=by.actor, subject=pair)
