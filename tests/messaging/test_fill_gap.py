"""The durable events of a conversation: the twin of what sockets receive."""

from typing import Any

import httpx
import pytest

from messaging.models import Membership
from tests.live import Server
from tests.messaging.talking import Json, answered, entries, entry_details, open_room, refused, say, send
from tests.people import Person, client_for
from tests.sockets import connect

pytestmark = pytest.mark.core


def events(client: httpx.Client, conversation_id: str, **params: Any) -> Json:
    return answered(client.get(f"/api/v1/conversations/{conversation_id}/events", params=params))


def test_they_are_what_sockets_received(
    server: Server, doc1: Person, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    with connect(server, doc1.token) as client:
        first, second = send(patient, c1, "first"), send(patient, c1, "second")
        answered(patient.patch(f"/api/v1/messages/{first['id']}", json={"content": "edited"}))
        answered(patient.delete(f"/api/v1/messages/{second['id']}"))
        answered(doctor.patch(f"/api/v1/conversations/{c1}", json={"priority": "urgent"}))
        live = [client.next_event() for _ in range(5)]
        by_socket = client.ask("conversation:events", {"conversationId": c1})
    by_rest = events(doctor, c1)
    assert by_rest == by_socket
    assert by_rest["headSeq"] == 5
    assert [frame["seq"] for frame in by_rest["results"]] == [1, 2, 3, 4, 5]
    for frame, seen in zip(by_rest["results"], live, strict=True):
        assert {**frame, "data": None} == {**seen, "data": None}
    assert [frame["data"] for frame in by_rest["results"][2:]] == [frame["data"] for frame in live[2:]]


def test_a_part_of_them(doc1: Person, patient: httpx.Client, c1: str) -> None:
    say(doc1, c1, *[str(n) for n in range(60)])
    assert [frame["seq"] for frame in events(patient, c1)["results"]] == list(range(1, 51))
    assert [frame["seq"] for frame in events(patient, c1, after=50)["results"]] == list(range(51, 61))
    assert [frame["seq"] for frame in events(patient, c1, after=3, limit=2)["results"]] == [4, 5]
    assert events(patient, c1, after=60) == {"results": [], "headSeq": 60}


def test_what_was_before_ones_time_is_not_there(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    room = open_room(pat1, doc1)
    say(pat1, room, "before", "their time")
    Membership.objects.create(conversation_id=room, user=doc2.user, joined_seq=3)
    with client_for(doc2, server) as client:
        assert events(client, room) == {"results": [], "headSeq": 2}
        say(pat1, room, "in their time")
        assert [frame["seq"] for frame in events(client, room)["results"]] == [3]


def test_a_gap_that_was_filled_is_one_entry(doc1: Person, pat1: Person, patient: httpx.Client, c1: str) -> None:
    say(doc1, c1, *[str(n) for n in range(10)])
    events(patient, c1, after=4, limit=3)
    [entry] = entries("messages.viewed", pat1)
    assert (str(entry.conv), entry_details(entry)) == (c1, {"from_seq": 5, "to_seq": 7})


def test_events_without_messages_are_no_reading(
    pat1: Person, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    answered(doctor.patch(f"/api/v1/conversations/{c1}", json={"priority": "urgent"}))
    [frame] = events(patient, c1)["results"]
    assert (frame["event"], frame["data"]) == ("conversation:updated", {"priority": "urgent"})
    assert entries("messages.viewed", pat1) == []


@pytest.mark.parametrize(
    ("params", "code"),
    [({"after": -1}, "invalid"), ({"limit": 201}, "invalid"), ({"before": 3}, "unknown_param")],
    ids=str,
)
def test_what_makes_no_gap_is_refused(patient: httpx.Client, c1: str, params: dict[str, int], code: str) -> None:
    refused(patient.get(f"/api/v1/conversations/{c1}/events", params=params), 400, code)


def test_other_methods_are_refused(patient: httpx.Client, c1: str) -> None:
    refused(patient.post(f"/api/v1/conversations/{c1}/events", json={}), 405, "method_not_allowed")
