"""Messages that are sent to disappear."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest

from core.actor import SYSTEM_ID
from core.jobs import jobs
from core.time import now
from messaging.expiry import expire_messages
from messaging.models import Mention, MessageEdit, Reaction
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    head_of,
    page,
    post,
    refused,
    send,
    stored,
)
from tests.people import Person
from tests.sockets import connect

CLOCKS = ("messaging.rows.now", "messaging.querysets.chosen.now")


@pytest.fixture
def room(teacher: Person, student: Person) -> str:
    return room_of(teacher, student)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`later(60)`: whoever asks whether a message has expired thinks that it is so many seconds later."""

    def pass_by(seconds: float) -> None:
        for clock in CLOCKS:
            monkeypatch.setattr(clock, lambda: now() + timedelta(seconds=seconds))

    return pass_by


def one(client: httpx.Client, message: Json) -> Json:
    return answered(client.get(f"{API}/messages/{message['id']}"))


@pytest.mark.core
def test_it_says_when_it_will_be_gone(room: str, as_teacher: httpx.Client, as_student: httpx.Client) -> None:
    message = send(as_teacher, room, "for a minute", expiresInSeconds=60)
    sent, end = (datetime.fromisoformat(message[name]) for name in ("createdAt", "expiresAt"))
    assert end - sent == timedelta(seconds=60)
    assert page(as_student, room)["results"] == [message]
    assert "expiresAt" not in send(as_teacher, room, "for good")


@pytest.mark.core
def test_from_that_moment_on_it_is_a_tombstone_everywhere(
    server: Server,
    student: Person,
    room: str,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    later: Callable[[float], None],
) -> None:
    """By every way of reading, before any job has run."""
    message = send(as_teacher, room, "gone soon @student", expiresInSeconds=60)
    answer = send(as_student, room, "Thank you", replyToId=message["id"])
    assert answer["replyTo"]["preview"] == "gone soon @student"
    answered(as_student.put(f"{API}/messages/{message['id']}/reactions/👍"))
    answered(as_teacher.put(f"{API}/messages/{message['id']}/pin"))
    last = send(as_teacher, room, "the last one, soon gone", expiresInSeconds=60)
    later(61)
    tombstone = one(as_student, message)
    gone = {"isDeleted", "content", "mentions", "reactions", "isPinned", "deletedAt", "metadata"}
    assert {name: tombstone[name] for name in gone} == {
        "isDeleted": True,
        "content": None,
        "metadata": {},
        "mentions": [],
        "reactions": [],
        "isPinned": False,
        "deletedAt": message["expiresAt"],
    }
    assert "expiresAt" not in tombstone
    listed = page(as_student, room)["results"]
    assert contents(listed) == [None, "Thank you", None]
    assert listed[1]["replyTo"]["preview"] is None
    assert answered(as_student.get(f"{API}/conversations/{room}/pins"))["results"] == []
    [conversation] = answered(as_student.get(f"{API}/conversations"))["results"]
    assert (conversation["lastMessage"]["id"], conversation["lastMessage"]["preview"]) == (last["id"], None)
    with connect(server, student.token) as client:
        replayed = client.ask("conversation:events", {"conversationId": room})["results"]
    assert replayed[0]["data"] == {name: value for name, value in tombstone.items() if name != "mine"}
    assert "gone soon" not in str(replayed)
    for refusal in (
        as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": "x"}),
        as_student.put(f"{API}/messages/{message['id']}/reactions/👍"),
        as_teacher.put(f"{API}/messages/{message['id']}/pin"),
        as_student.get(f"{API}/messages/{message['id']}/edits"),
        as_student.post(f"{API}/messages/{message['id']}/forward", json={"conversationId": room}),
        as_student.post(f"{API}/messages/{message['id']}/report", json={"reason": "spam"}),
    ):
        refused(refusal, 410, "gone")
    refused(post(as_student, room, "x", replyToId=message["id"]), 400, "invalid_reference")
    refused(post(as_student, room, "x", threadRootId=message["id"]), 400, "invalid_reference")


@pytest.mark.core
def test_the_job_takes_its_text_away_and_tells_everybody(
    server: Server,
    student: Person,
    room: str,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    later: Callable[[float], None],
) -> None:
    message = send(as_teacher, room, "gone soon", expiresInSeconds=60)
    answered(as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": "@student"}))
    answered(as_student.put(f"{API}/messages/{message['id']}/reactions/👍"))
    stays = send(as_teacher, room, "stays", expiresInSeconds=600)
    expire_messages()
    assert head_of(room) == 4
    later(61)
    with connect(server, student.token) as client:
        expire_messages()
        event = client.next_event("message:deleted")
    assert (event["seq"], event["actorId"]) == (5, str(SYSTEM_ID))
    assert event["data"] == one(as_student, message)
    row = stored(message)
    assert (bytes(row.body), row.deleted_by_id, row.deleted_at) == (b"", SYSTEM_ID, row.expires_at)
    assert [model.objects.count() for model in (MessageEdit, Mention, Reaction)] == [0, 0, 0]
    [entry] = entries("message.deleted")
    assert (entry.actor, str(entry.object), str(entry.conv)) == (SYSTEM_ID, message["id"], room)
    assert list(check_bodies()) == []
    expire_messages()
    assert head_of(room) == 5
    assert one(as_teacher, stays)["content"] == "stays"


def test_in_its_own_time(room: str, as_teacher: httpx.Client, as_student: httpx.Client) -> None:
    """With nobody's clock moved; the worker looks every few seconds."""
    message = send(as_teacher, room, "a second", expiresInSeconds=1)
    deadline = time.monotonic() + 10
    while not one(as_student, message)["isDeleted"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job = jobs["messaging.expire"]
    assert job.every is not None
    assert job.every <= timedelta(seconds=10)
    job.run()
    assert bytes(stored(message).body) == b""


def test_many_in_many_conversations_go_at_once(
    teacher: Person, student: Person, as_teacher: httpx.Client, later: Callable[[float], None]
) -> None:
    rooms = [room_of(teacher, student, name=f"Room {number}") for number in range(3)]
    for room in rooms:
        for number in range(4):
            send(as_teacher, room, f"number {number}", expiresInSeconds=number + 1)
    later(61)
    expire_messages()
    for room in rooms:
        found = page(as_teacher, room)
        assert [message["isDeleted"] for message in found["results"]] == [True] * 4
        assert found["headSeq"] == 8
    assert len(entries("message.deleted")) == 12


def test_deleting_it_once_more_changes_nothing(
    room: str, as_teacher: httpx.Client, later: Callable[[float], None]
) -> None:
    message = send(as_teacher, room, "gone soon", expiresInSeconds=60)
    later(61)
    assert answered(as_teacher.delete(f"{API}/messages/{message['id']}"))["deletedAt"] == message["expiresAt"]
    assert head_of(room) == 1
    expire_messages()
    assert head_of(room) == 2


def test_whoever_deletes_it_before_has_deleted_it(
    room: str, as_teacher: httpx.Client, later: Callable[[float], None]
) -> None:
    message = send(as_teacher, room, "gone sooner", expiresInSeconds=60)
    answered(as_teacher.delete(f"{API}/messages/{message['id']}"))
    later(61)
    expire_messages()
    assert head_of(room) == 2


def test_a_repeat_of_the_send_is_the_same_message(
    room: str, as_teacher: httpx.Client, later: Callable[[float], None]
) -> None:
    asked = {"clientMessageId": "k", "expiresInSeconds": 60}
    message = send(as_teacher, room, "soon gone", **asked)
    again = answered(post(as_teacher, room, "soon gone", **asked))
    assert (again["id"], again["duplicate"]) == (message["id"], True)
    refused(post(as_teacher, room, "soon gone", clientMessageId="k"), 409, "idempotency_conflict")
    later(61)
    assert answered(post(as_teacher, room, "soon gone", **asked))["isDeleted"] is True


@pytest.mark.core
def test_what_is_said_to_a_patient_is_kept(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    for client in (patient, doctor):
        problem = refused(post(client, c1, "x", expiresInSeconds=60), 400, "invalid")
        assert [error["field"] for error in problem["errors"]] == ["expiresInSeconds"]
    assert head_of(c1) == 0
