"""What a message said before it was edited."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.time import wire_time
from messaging.models import Membership, MessageEdit
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    entries,
    entry_details,
    refused,
    same_but_for_the_request_id,
    send,
    stored,
)
from tests.people import Person, client_for, make_person


def edits(client: httpx.Client, message_id: object, **params: Any) -> Json:
    return answered(client.get(f"{API}/messages/{message_id}/edits", params=params))


def edited(client: httpx.Client, conversation_id: str, *texts: str) -> Json:
    """A message that has said all of this, one after the other."""
    message = send(client, conversation_id, texts[0])
    for text in texts[1:]:
        answered(client.patch(f"{API}/messages/{message['id']}", json={"content": text}))
    return message


@pytest.mark.core
def test_each_earlier_text_with_its_time_for_everybody_who_sees_the_message(
    patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    message = edited(patient, c1, "40 mg", "4 mg", "4.0 mg; K<3.5 and Na>145")
    found = edits(doctor, message["id"])
    assert [(one["revision"], one["content"]) for one in found["results"]] == [(0, "40 mg"), (1, "4 mg")]
    assert found["nextCursor"] is None
    assert found["results"][-1]["replacedAt"] == answered(doctor.get(f"{API}/messages/{message['id']}"))["editedAt"]
    assert found == edits(patient, message["id"])
    assert [wire_time(one.replaced_at) for one in MessageEdit.objects.order_by("revision")] == [
        one["replacedAt"] for one in found["results"]
    ]


def test_a_message_that_was_never_edited_has_none(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    assert edits(patient, message["id"]) == {"results": [], "nextCursor": None}
    assert entries("messages.viewed", pat1) == []


def test_they_are_stored_sealed(patient: httpx.Client, c1: str) -> None:
    edited(patient, c1, "canary-in-an-edit", "other")
    assert b"canary" not in bytes(MessageEdit.objects.get().body)


def test_reading_them_is_recorded(patient: httpx.Client, doc1: Person, doctor: httpx.Client, c1: str) -> None:
    message = edited(patient, c1, "1", "2", "3")
    edits(doctor, message["id"])
    [viewed] = entries("messages.viewed", doc1)
    assert (str(viewed.object), str(viewed.conv)) == (message["id"], c1)
    assert entry_details(viewed) == {"from_seq": 1, "to_seq": 1}


def test_what_cannot_be_recorded_is_not_shown(patient: httpx.Client, c1: str, request: pytest.FixtureRequest) -> None:
    message = edited(patient, c1, "1", "2")
    request.getfixturevalue("log_cannot_be_written")
    refused(patient.get(f"{API}/messages/{message['id']}/edits"), 503, "audit_unavailable")


def test_they_come_in_pages(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = edited(patient, c1, *[f"text {number}" for number in range(8)])
    first = edits(patient, message["id"], limit=3)
    second = edits(patient, message["id"], limit=4, cursor=first["nextCursor"])
    assert [one["revision"] for one in first["results"] + second["results"]] == [*range(7)]
    assert second["nextCursor"] is None
    address = f"{API}/messages/{message['id']}/edits"
    refused(doctor.get(address, params={"cursor": first["nextCursor"]}), 400, "invalid_cursor")
    other = edited(patient, c1, "1", "2")
    other_address = f"{API}/messages/{other['id']}/edits"
    refused(patient.get(other_address, params={"cursor": first["nextCursor"]}), 400, "invalid_cursor")
    refused(patient.get(address, params={"limit": 0}), 400, "invalid")
    refused(patient.get(address, params={"before": 3}), 400, "unknown_param")


@pytest.mark.core
def test_they_are_gone_with_the_message(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = edited(patient, c1, "secret", "harmless")
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    refused(doctor.get(f"{API}/messages/{message['id']}/edits"), 410, "gone")
    assert MessageEdit.objects.count() == 0


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = edited(patient, c1, "1", "2")
    responses = [stranger.get(f"{API}/messages/{one}/edits") for one in (message["id"], str(uuid4()))]
    assert same_but_for_the_request_id(*[refused(response, 404, "not_found") for response in responses])


def test_who_came_later_does_not_see_what_was_said_before(
    server: Server, teacher: Person, as_teacher: httpx.Client
) -> None:
    room = room_of(teacher)
    message = edited(as_teacher, room, "1", "2")
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=room, user=newcomer.user, joined_seq=2)
    with client_for(newcomer, server) as client:
        refused(client.get(f"{API}/messages/{message['id']}/edits"), 404, "not_found")


def test_an_earlier_text_that_was_tampered_with_is_told_and_shows_nothing(
    patient: httpx.Client, pat1: Person, c1: str, tamper: Callable[..., int]
) -> None:
    """Nor does a text of today's open as one of yesterday's."""
    message = edited(patient, c1, "first", "second", "third")
    tamper("UPDATE messaging_messageedit SET body = %s WHERE revision = 0", [bytes(stored(message).body)])
    first, second = edits(patient, message["id"])["results"]
    assert (first["content"], first["contentError"]) == (None, "undecryptable")
    assert second["content"] == "second"
    [alert] = entries("message.unreadable", pat1)
    assert str(alert.object) == message["id"]
