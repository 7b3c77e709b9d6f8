"""Joining a room."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest

from messaging.models import Membership
from tests.live import Server
from tests.messaging.rooms import change, join, leave, members, open_direct, remove, role_of, room_of, stay_of
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    head_of,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("kind", ["public", "course"])
def test_who_joins_is_a_member_and_everybody_hears_of_it(
    server: Server, teacher: Person, student: Person, kind: str
) -> None:
    room = room_of(teacher, kind=kind)
    with (
        connect(server, teacher.token) as owner,
        connect(server, student.token) as joiner,
        client_for(student, server) as client,
    ):
        joined = answered(join(client, room))
        assert (joined["myRole"], joined["memberCount"], joined["headSeq"]) == ("member", 2, 1)
        assert joiner.next_event("conversation:added")["data"] == {"conversationId": room}
        for socket in (owner, joiner):
            event = socket.next_event("member:joined")
            assert (event["seq"], event["actorId"], event["conversationId"]) == (1, str(student.id), room)
            assert event["data"] in members(client, room)
            assert (event["data"]["userId"], event["data"]["role"]) == (str(student.id), "member")
        send(client, room, "Hello everybody.")
        assert owner.next_event("message:new")["seq"] == 2
        assert joiner.next_event("message:new")["seq"] == 2
    [entry] = entries("member.joined", student)
    assert (str(entry.conv), entry.object) == (room, student.id)


def test_a_repeat_changes_nothing(server: Server, teacher: Person, student: Person) -> None:
    room = room_of(teacher, kind="public")
    with client_for(student, server) as client:
        first = answered(join(client, room))
        assert answered(join(client, room)) == first
    assert head_of(room) == 1
    assert len(entries("member.joined")) == 1


def test_a_newcomer_reads_what_the_room_lets_them_and_has_nothing_unread(
    server: Server, teacher: Person, student: Person
) -> None:
    told, untold = room_of(teacher, kind="public"), room_of(teacher, kind="public", history="since_joining")
    for room in (told, untold):
        say(teacher, room, "before")
    with client_for(student, server) as client:
        for room in (told, untold):
            assert answered(join(client, room))["unreadCount"] == 0
            say(teacher, room, "after")
            found = answered(client.get(f"/api/v1/conversations/{room}"))
            assert (found["unreadCount"], found["lastMessage"]["preview"]) == (1, "after")
        assert contents(page(client, told)["results"]) == ["before", "after"]
        assert contents(page(client, untold)["results"]) == ["after"]
        events = answered(client.get(f"/api/v1/conversations/{untold}/events"))["results"]
        assert [event["seq"] for event in events] == [2, 3]
    stay = stay_of(student, untold)
    assert (stay.joined_seq, stay.delivered_seq, stay.read_seq) == (2, 2, 2)


def test_only_open_rooms_are_joined(server: Server, teacher: Person, student: Person, pat1: Person) -> None:
    """What one cannot see is not there, whatever it is; T040."""
    closed = [room_of(teacher, kind=kind) for kind in ("group", "private", "study_group")]
    clinical = open_clinical(pat1, make_person("doc", "provider"))
    with client_for(student, server) as client:
        answers = [join(client, one) for one in (*closed, clinical, RANDOM)]
        assert same_but_for_the_request_id(*[refused(answer, 404, "not_found") for answer in answers])
    assert all(role_of(student, one) is None for one in (*closed, clinical))


def test_conversations_of_two_are_not_joined_even_by_the_two(
    server: Server, student: Person, classmate: Person, pat1: Person, doc1: Person
) -> None:
    direct, clinical = open_direct(student, classmate), open_clinical(pat1, doc1)
    with client_for(student, server) as client:
        refused(join(client, direct), 403, "forbidden")
    with client_for(pat1, server) as client:
        refused(join(client, clinical), 403, "forbidden")


def test_a_full_room_takes_nobody_in(server: Server, teacher: Person, student: Person, classmate: Person) -> None:
    room = room_of(teacher, classmate, kind="public", max_members=2)
    with client_for(student, server) as client, client_for(classmate, server) as other:
        refused(join(client, room), 409, "conversation_full")
        assert (head_of(room), role_of(student, room)) == (0, None)
        answered(join(other, room))
        assert leave(other, room).status_code == 204
        answered(join(client, room))
        refused(join(other, room), 409, "conversation_full")


def test_of_many_who_race_for_the_last_place_one_gets_it(server: Server, teacher: Person) -> None:
    room = room_of(teacher, kind="public", max_members=2)
    people = [make_person(f"student{n}", "student") for n in range(6)]

    def attempt(person: Person) -> int:
        with client_for(person, server) as client:
            return join(client, room).status_code

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(attempt, people))
    assert codes == [200, 409, 409, 409, 409, 409]
    assert Membership.objects.filter(conversation=UUID(room), left_seq=None).count() == 2


def test_coming_back_is_another_stay(server: Server, teacher: Person, student: Person) -> None:
    """T048: what was said in between stays unread for ever where the room does not show its past."""
    room = room_of(teacher, kind="public", history="since_joining")
    with client_for(student, server) as client, client_for(teacher, server) as owner:
        answered(join(client, room))
        send(client, room, "mine, before")
        remove(owner, room, student)
        [hidden, *_] = say(teacher, room, *[f"in between {n}" for n in range(50)])
        answered(join(client, room))
        say(teacher, room, "afterwards")
        assert contents(page(client, room)["results"]) == ["afterwards"]
        assert contents(page(client, room, before=60)["results"]) == ["afterwards"]
        refused(client.get(f"/api/v1/messages/{hidden['id']}"), 404, "not_found")
        refused(post(client, room, "see", replyToId=str(hidden["id"])), 400, "invalid_reference")
        events = answered(client.get(f"/api/v1/conversations/{room}/events", params={"limit": 200}))["results"]
        assert [event["event"] for event in events] == ["member:joined", "message:new"]
        with connect(server, student.token, resume={"epoch": _epoch(server, student), "cursors": {room: 0}}) as socket:
            replayed = [socket.next_event() for _ in range(2)]
        assert [frame["seq"] for frame in replayed] == [54, 55]
    assert [stay.left_seq for stay in Membership.objects.filter(user=student.user).order_by("joined_seq")] == [3, None]


def test_who_was_muted_is_muted_when_they_come_back(server: Server, teacher: Person, student: Person) -> None:
    room = room_of(teacher, student, kind="public")
    with client_for(student, server) as client, client_for(teacher, server) as owner:
        answered(change(owner, room, student, isMuted=True))
        assert leave(client, room).status_code == 204
        answered(join(client, room))
        refused(post(client, room), 403, "forbidden")


def test_without_a_record_nobody_joins(
    as_student: httpx.Client, open_room_of_teacher: str, student: Person, log_cannot_be_written: None
) -> None:
    refused(join(as_student, open_room_of_teacher), 503, "audit_unavailable")
    assert (head_of(open_room_of_teacher), role_of(student, open_room_of_teacher)) == (0, None)


@pytest.fixture
def open_room_of_teacher(teacher: Person) -> str:
    return room_of(teacher, kind="public")


def _epoch(server: Server, person: Person) -> str:
    with connect(server, person.token) as socket:
        return str(socket.hello["epoch"])
