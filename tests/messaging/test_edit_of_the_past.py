"""T048: who came later hears that something earlier was changed, and not what it says."""

from collections.abc import Iterator

import httpx
import pytest

from messaging.models import Message
from realtime.hub import hub
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, entries, say, send
from tests.people import Person, client_for, make_person
from tests.sockets import Client, Frame, connect

pytestmark = pytest.mark.core


@pytest.fixture
def room(teacher: Person, student: Person) -> str:
    return room_of(teacher, student)


@pytest.fixture
def secret(room: str, as_teacher: httpx.Client) -> Json:
    """Said before the newcomer came."""
    return send(as_teacher, room, "secret of before", metadata={"a": "secret"})


@pytest.fixture
def newcomer(room: str, secret: Json, as_teacher: httpx.Client) -> Person:
    person = make_person("newcomer", "student", display_name="Nora Klein")
    added = as_teacher.post(f"{API}/conversations/{room}/members", json={"userIds": [str(person.id)]})
    assert added.status_code == 201, added.text
    return person


@pytest.fixture
def as_newcomer(newcomer: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(newcomer, server) as client:
        yield client


def edit(client: httpx.Client, message: Json, text: str) -> Json:
    return answered(client.patch(f"{API}/messages/{message['id']}", json={"content": text}))


def shows_nothing(frame: Frame, message: Json) -> None:
    data = frame["data"]
    assert (frame["event"], data["id"], data["seq"]) == ("message:updated", message["id"], message["seq"])
    assert (data["content"], data["metadata"], data["isDeleted"]) == (None, {}, True)
    assert "secret" not in str(frame)


def heard_edit(client: Client) -> Frame:
    return client.next_event("message:updated")


def test_live_everybody_gets_the_form_for_them(
    server: Server, student: Person, newcomer: Person, room: str, secret: Json, as_teacher: httpx.Client
) -> None:
    with connect(server, student.token) as old, connect(server, newcomer.token) as new:
        edited = edit(as_teacher, secret, "secret of today")
        assert heard_edit(old)["data"] == edited
        shows_nothing(heard_edit(new), secret)
        later = send(as_teacher, room, "for all")
        assert new.next_event("message:new")["data"] == later
        assert edit(as_teacher, later, "still for all") == heard_edit(new)["data"] == heard_edit(old)["data"]


def test_in_a_replay_too_from_memory_and_from_the_database(
    server: Server, newcomer: Person, room: str, secret: Json, as_teacher: httpx.Client
) -> None:
    with connect(server, newcomer.token) as first:
        epoch = first.hello["epoch"]
        head = send(as_teacher, room)["seq"]
        edit(as_teacher, secret, "secret of today")
        heard_edit(first)
        with connect(server, newcomer.token, resume={"epoch": epoch, "cursors": {room: head}}) as again:
            shows_nothing(heard_edit(again), secret)
    server.sees(lambda: not hub.feeds)
    with connect(server, newcomer.token, resume={"epoch": epoch, "cursors": {room: head}}) as again:
        shows_nothing(heard_edit(again), secret)


def test_whoever_asks_for_events_gets_the_same(
    newcomer: Person,
    as_newcomer: httpx.Client,
    room: str,
    secret: Json,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
) -> None:
    edited = edit(as_teacher, secret, "secret of today")
    address = f"{API}/conversations/{room}/events"
    *_, last = answered(as_newcomer.get(address))["results"]
    shows_nothing(last, secret)
    *_, last = answered(as_student.get(address))["results"]
    assert last["data"] == edited
    assert entries("messages.viewed", newcomer) == []


def test_many_at_once_come_in_order(
    server: Server,
    teacher: Person,
    student: Person,
    newcomer: Person,
    room: str,
    secret: Json,
    as_teacher: httpx.Client,
) -> None:
    with connect(server, student.token) as old, connect(server, newcomer.token) as new:
        for number in range(5):
            edit(as_teacher, secret, f"secret {number}")
            say(teacher, room, str(number))
        heard = {client: [client.next_event() for _ in range(10)] for client in (old, new)}
    assert [frame["seq"] for frame in heard[new]] == [frame["seq"] for frame in heard[old]] == [*range(3, 13)]
    assert [frame["data"]["content"] for frame in heard[new]][::2] == [None] * 5
    assert [frame["data"]["content"] for frame in heard[old]][::2] == [f"secret {number}" for number in range(5)]


def test_once_the_past_is_open_it_is_told(
    server: Server, newcomer: Person, room: str, secret: Json, as_teacher: httpx.Client
) -> None:
    with connect(server, newcomer.token) as new:
        answered(as_teacher.patch(f"{API}/conversations/{room}", json={"history": "all"}))
        server.sees(lambda: {*hub.sockets_of(newcomer.id)[0].feeds.values()} == {1})
        edited = edit(as_teacher, secret, "no secret any more")
        assert heard_edit(new)["data"] == edited


def test_once_it_is_closed_again_it_is_not(
    server: Server, newcomer: Person, room: str, secret: Json, as_teacher: httpx.Client
) -> None:
    answered(as_teacher.patch(f"{API}/conversations/{room}", json={"history": "all"}))
    with connect(server, newcomer.token) as new:
        answered(as_teacher.patch(f"{API}/conversations/{room}", json={"history": "since_joining"}))
        server.sees(lambda: 1 not in hub.sockets_of(newcomer.id)[0].feeds.values())
        edit(as_teacher, secret, "secret of today")
        shows_nothing(heard_edit(new), secret)


@pytest.mark.parametrize("what", ["deleted", "unopenable"])
def test_a_tombstone_is_told_like_any_other_change_of_the_past(
    server: Server,
    newcomer: Person,
    as_newcomer: httpx.Client,
    room: str,
    secret: Json,
    as_teacher: httpx.Client,
    what: str,
) -> None:
    """Live, in a replay, and to whoever asks: not that it was answered, nor when it was edited."""
    with connect(server, newcomer.token) as new:
        head = send(as_teacher, room, "an answer", threadRootId=secret["id"])["seq"]
        edit(as_teacher, secret, "secret of today")
        if what == "deleted":
            answered(as_teacher.delete(f"{API}/messages/{secret['id']}"))
        else:
            Message.objects.filter(id=secret["id"]).update(body=b"not sealed")
        new.next_event("message:new")
        live = [new.next_event() for _ in range(2 if what == "deleted" else 1)]
        resume = {"epoch": new.hello["epoch"], "cursors": {room: head}}
    asked = answered(as_newcomer.get(f"{API}/conversations/{room}/events", params={"after": head}))["results"]
    with connect(server, newcomer.token, resume=resume) as again:
        replayed = [again.next_event() for _ in live]
    assert live == replayed == asked
    told = [frame["data"] for frame in live]
    assert all(data == told[0] for data in told)
    assert told[0].keys().isdisjoint({"editedAt", "deletedAt", "contentError", "threadRootId", "clientMessageId"})
    assert (told[0]["threadCount"], told[0]["isEdited"], told[0]["reactions"]) == (0, False, [])
