"""Threads: messages that answer a message beside the conversation."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from messaging.models import Membership
from tests.live import Server
from tests.messaging.rooms import room_of
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
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import Frame, connect

pytestmark = pytest.mark.core


def thread(client: httpx.Client, message_id: object, **params: Any) -> Json:
    return answered(client.get(f"{API}/messages/{message_id}/thread", params=params))


def one(client: httpx.Client, message_id: object) -> Json:
    return answered(client.get(f"{API}/messages/{message_id}"))


def counted(frames: list[Frame], root: str) -> int:
    """What a client counts that applies these events in their order: one for each reply, and what events say."""
    count = 0
    for frame in frames:
        if frame["data"].get("id") == root:
            count = frame["data"]["threadCount"]
        elif frame["event"] == "message:new" and frame["data"].get("threadRootId") == root:
            count += 1
    return count


def test_a_reply_belongs_to_the_thread_and_to_the_conversation(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    root = send(patient, c1, "Which of the two?")
    send(patient, c1, "beside it")
    assert (root["threadCount"], "threadRootId" in root) == (0, False)
    with connect(server, doc1.token) as client:
        reply = send(doctor, c1, "The white one.", threadRootId=root["id"])
        assert client.next_event("message:new")["data"] == reply
    assert (reply["threadRootId"], reply["seq"]) == (root["id"], 3)
    assert [message["threadCount"] for message in page(patient, c1)["results"]] == [1, 0, 0]
    assert thread(doctor, root["id"]) == {"results": [reply], "hasMore": False, "headSeq": 3}
    assert one(patient, root["id"])["threadCount"] == 1


def test_it_is_read_page_by_page_as_history_is(patient: httpx.Client, pat1: Person, c1: str) -> None:
    root = send(patient, c1, "root")
    for number in range(10):
        send(patient, c1, f"reply {number}", threadRootId=root["id"])
        send(patient, c1, "beside it")
    replies = [f"reply {number}" for number in range(10)]
    newest = thread(patient, root["id"], limit=4)
    assert (contents(newest["results"]), newest["hasMore"], newest["headSeq"]) == (replies[6:], True, 21)
    before = thread(patient, root["id"], before=newest["results"][0]["seq"], limit=6)
    assert (contents(before["results"]), before["hasMore"]) == (replies[:6], False)
    after = thread(patient, root["id"], after=before["results"][-1]["seq"], limit=3)
    assert (contents(after["results"]), after["hasMore"]) == (replies[6:9], True)
    assert entry_details(entries("messages.viewed", pat1)[-1]) == {"from_seq": 14, "to_seq": 18}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"before": 5, "after": 1}, "invalid"),
        ({"before": 0}, "invalid"),
        ({"limit": 201}, "invalid"),
        ({"limit": "x"}, "invalid"),
        ({"cursor": "x"}, "unknown_param"),
        ({"ordering": "sender__password"}, "unknown_param"),
    ],
    ids=str,
)
def test_what_makes_no_page_is_refused(patient: httpx.Client, c1: str, params: Json, code: str) -> None:
    root = send(patient, c1)
    refused(patient.get(f"{API}/messages/{root['id']}/thread", params=params), 400, code)


def test_a_message_without_a_thread_has_an_empty_one(patient: httpx.Client, c1: str) -> None:
    root = send(patient, c1)
    reply = send(patient, c1, "reply", threadRootId=root["id"])
    assert thread(patient, reply["id"]) == {"results": [], "hasMore": False, "headSeq": 2}


def test_no_thread_begins_where_none_can_with_the_same_bytes(
    stranger: httpx.Client, patient: httpx.Client, c1: str, c2: str
) -> None:
    """In another conversation, in a thread, at a deleted message, nowhere."""
    root, gone = send(patient, c1, "root"), send(patient, c1, "gone")
    reply = send(patient, c1, "reply", threadRootId=root["id"])
    foreign = send(stranger, c2, "secret of C2")
    answered(patient.delete(f"{API}/messages/{gone['id']}"))
    head = head_of(c1)
    others = (reply["id"], gone["id"], foreign["id"], str(uuid4()))
    problems = [refused(post(patient, c1, "x", threadRootId=other), 400, "invalid_reference") for other in others]
    assert same_but_for_the_request_id(*problems)
    assert "secret" not in str(problems)
    assert head_of(c1) == head
    denied = [(str(entry.object), entry.reason) for entry in entries("access.denied")]
    assert denied == [(other, "invalid_reference") for other in others], "whoever tries ids is on record"


def test_what_was_said_before_one_came_begins_no_thread(
    server: Server, teacher: Person, as_teacher: httpx.Client
) -> None:
    room = room_of(teacher)
    root = send(as_teacher, room, "early")
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=room, user=newcomer.user, joined_seq=2)
    with client_for(newcomer, server) as client:
        refused(post(client, room, "x", threadRootId=root["id"]), 400, "invalid_reference")
        refused(client.get(f"{API}/messages/{root['id']}/thread"), 404, "not_found")


def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    root = send(patient, c1)
    responses = [stranger.get(f"{API}/messages/{asked}/thread") for asked in (root["id"], str(uuid4()))]
    assert same_but_for_the_request_id(*[refused(response, 404, "not_found") for response in responses])


def test_the_count_is_the_same_however_a_client_came_by_it(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    """Live, by a replay from anywhere, by a fresh load: with edits in between, and replies and the root deleted."""
    root = send(patient, c1, "root")
    heard: list[Frame] = []
    with connect(server, doc1.token) as client:
        first = send(doctor, c1, "1", threadRootId=root["id"])
        send(patient, c1, "2", threadRootId=root["id"])
        answered(patient.patch(f"{API}/messages/{root['id']}", json={"content": "edited"}))
        answered(doctor.delete(f"{API}/messages/{first['id']}"))
        send(patient, c1, "3", threadRootId=root["id"])
        answered(patient.patch(f"{API}/messages/{root['id']}", json={"content": "edited again"}))
        send(patient, c1, "4", threadRootId=root["id"])
        heard = [client.next_event() for _ in range(7)]
        replayed = client.ask("conversation:events", {"conversationId": c1})["results"]
        assert counted(heard, root["id"]) == counted(replayed, root["id"]) == 4
        for cut in range(2, len(replayed)):
            assert counted(heard[: cut - 1] + replayed[cut:], root["id"]) == 4
        assert one(doctor, root["id"])["threadCount"] == len(thread(doctor, root["id"])["results"]) == 4
        answered(patient.delete(f"{API}/messages/{root['id']}"))
        tombstone = client.next_event("message:deleted")["data"]
        again = client.ask("conversation:events", {"conversationId": c1})["results"]
    assert again[-1]["data"] == tombstone
    assert counted(again, root["id"]) == tombstone["threadCount"] == one(doctor, root["id"])["threadCount"] == 4


def test_what_others_answered_outlives_what_they_answered(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    root = send(patient, c1, "root")
    send(doctor, c1, "mine", threadRootId=root["id"])
    answered(patient.delete(f"{API}/messages/{root['id']}"))
    assert contents(thread(doctor, root["id"])["results"]) == ["mine"]
    refused(post(doctor, c1, "x", threadRootId=root["id"]), 400, "invalid_reference")
