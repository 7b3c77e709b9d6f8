"""Somebody who can write to the database, but has no key, changes stored messages. None of it goes unnoticed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from audit.verify import verify
from encryption.keyring import keyring
from messaging.models import Message
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.talking import Json, answered, contents, entries, page, refused, send, stored
from tests.people import Person
from tests.sockets import connect


def overwrite(message: Json, **columns: Any) -> None:
    assert Message.objects.filter(id=message["id"]).update(**columns) == 1


def errors(found: Json) -> list[str | None]:
    return [message.get("contentError") for message in found["results"]]


@pytest.mark.core
def test_swapped_bodies_open_in_neither_place_and_the_page_is_served(
    patient: httpx.Client, pat1: Person, c1: str
) -> None:
    """T090, in one conversation."""
    one, two, three = send(patient, c1, "one"), send(patient, c1, "two"), send(patient, c1, "three")
    bodies = stored(one).body, stored(two).body
    overwrite(one, body=bodies[1])
    overwrite(two, body=bodies[0])
    found = page(patient, c1)
    assert errors(found) == ["undecryptable", "undecryptable", None]
    assert contents(found["results"]) == [None, None, "three"]
    alerts = entries("message.unreadable", pat1)
    assert {str(alert.object) for alert in alerts} == {one["id"], two["id"]}
    assert len(entries("messages.viewed", pat1)) == 1
    assert str(three["id"]) not in {str(alert.object) for alert in alerts}


def test_a_body_from_another_conversation_does_not_open(
    patient: httpx.Client, stranger: httpx.Client, c1: str, c2: str
) -> None:
    """T090, between two conversations."""
    here, there = send(patient, c1), send(stranger, c2)
    bodies = stored(here).body, stored(there).body
    overwrite(here, body=bodies[1])
    overwrite(there, body=bodies[0])
    assert errors(page(patient, c1)) == ["undecryptable"]
    assert errors(page(stranger, c2)) == ["undecryptable"]


@pytest.mark.core
@pytest.mark.parametrize("change", ["sender", "revision", "type", "one bit", "cut off", "nothing"])
def test_what_the_seal_covers_cannot_be_changed(patient: httpx.Client, doc1: Person, c1: str, change: str) -> None:
    """T091."""
    message = send(patient, c1)
    body = bytes(stored(message).body)
    changes: dict[str, dict[str, Any]] = {
        "sender": {"sender": doc1.id},
        "revision": {"revision": 1},
        "type": {"type": "system"},
        "one bit": {"body": body[:-1] + bytes([body[-1] ^ 1])},
        "cut off": {"body": body[:40]},
        "nothing": {"body": b""},
    }
    overwrite(message, **changes[change])
    assert errors(page(patient, c1)) == ["undecryptable"]
    assert answered(patient.get(f"/api/v1/messages/{message['id']}"))["contentError"] == "undecryptable"


def test_lists_and_quotes_show_nothing_of_it_and_go_on(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    overwrite(message, revision=7)
    send(patient, c1, "an answer", replyToId=message["id"])
    assert page(patient, c1)["results"][1]["replyTo"]["preview"] is None
    events = answered(patient.get(f"/api/v1/conversations/{c1}/events"))["results"]
    assert [event["data"].get("contentError") for event in events] == ["undecryptable", None]
    overwrite(page(patient, c1)["results"][1], revision=7)
    [conversation] = answered(patient.get("/api/v1/conversations"))["results"]
    assert conversation["lastMessage"]["preview"] is None


@pytest.mark.core
def test_an_older_text_put_back_is_found_out(patient: httpx.Client, c1: str) -> None:
    """T092: with the present revision it does not open; with its own it does, and the record tells."""
    message = send(patient, c1, "take 40 mg")
    first = stored(message).body
    answered(patient.patch(f"/api/v1/messages/{message['id']}", json={"content": "take 4 mg"}))
    assert list(check_bodies()) == []
    overwrite(message, body=first)
    assert errors(page(patient, c1)) == ["undecryptable"]
    overwrite(message, body=first, revision=0)
    assert contents(page(patient, c1)["results"]) == ["take 40 mg"]
    [problem] = check_bodies()
    assert message["id"] in problem.what
    assert problem.entry == str(entries("message.edited")[0].id)


@pytest.mark.core
@pytest.mark.parametrize(
    "change",
    [
        {"format": "markdown"},
        {"priority": "urgent"},
        {"client_message_id": "another"},
        {"client_message_id": None},
        {"reply_to": None},
        {"created_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"edited_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"seq": 9},
    ],
    ids=str,
)
def test_what_the_seal_does_not_cover_is_found_out_too(patient: httpx.Client, c1: str, change: dict[str, Any]) -> None:
    first = send(patient, c1)
    message = send(patient, c1, "an answer", replyToId=first["id"], clientMessageId="one")
    assert list(check_bodies()) == []
    overwrite(message, **change)
    [problem] = check_bodies()
    assert message["id"] in problem.what


@pytest.mark.core
def test_who_deleted_a_message_and_when_cannot_be_changed(patient: httpx.Client, doc1: Person, c1: str) -> None:
    message = send(patient, c1)
    answered(patient.delete(f"/api/v1/messages/{message['id']}"))
    assert list(check_bodies()) == []
    for change in ({"deleted_by": doc1.id}, {"deleted_at": datetime(2020, 1, 1, tzinfo=UTC)}):
        before = {name: getattr(stored(message), name) for name in change}
        overwrite(message, **change)
        assert len(list(check_bodies())) == 1
        overwrite(message, **before)
    assert list(check_bodies()) == []


def test_a_deletion_undone_is_found_out(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    body = stored(message).body
    answered(patient.delete(f"/api/v1/messages/{message['id']}"))
    overwrite(message, body=body, deleted_at=None, deleted_by=None, revision=0)
    [problem] = check_bodies()
    assert message["id"] in problem.what


def test_messages_slipped_in_or_taken_away_are_found_out(patient: httpx.Client, pat1: Person, c1: str) -> None:
    taken, kept = send(patient, c1), send(patient, c1)
    Message.objects.filter(id=taken["id"]).delete()
    slipped = Message.objects.create(conversation_id=c1, seq=9, sender=pat1.user, body=b"x")
    found = {problem.what for problem in check_bodies()}
    assert len(found) == 2
    assert any(taken["id"] in what and "not stored" in what for what in found)
    assert any(str(slipped.id) in what and "Nothing tells" in what for what in found)
    assert not any(kept["id"] in what for what in found)


@pytest.mark.core
def test_an_event_whose_message_is_gone_costs_itself_only(
    server: Server, patient: httpx.Client, doc1: Person, c1: str
) -> None:
    """Its number stays, so that clients can count on."""
    gone, kept = send(patient, c1, "gone"), send(patient, c1, "kept")
    Message.objects.filter(id=gone["id"]).delete()
    events = answered(patient.get(f"/api/v1/conversations/{c1}/events"))["results"]
    assert [(event["seq"], event["data"].get("contentError")) for event in events] == [(1, "undecryptable"), (2, None)]
    assert events[0]["data"].keys() - {"contentError"} == events[1]["data"].keys() - {"clientMessageId"}
    with connect(server, doc1.token) as client:
        epoch = client.hello["epoch"]
    with connect(server, doc1.token, resume={"epoch": epoch, "cursors": {c1: 0}}) as client:
        assert [client.next_event("message:new")["data"]["content"] for _ in range(2)] == [None, "kept"]
    assert [message["id"] for message in page(patient, c1)["results"]] == [kept["id"]]


def test_the_check_is_part_of_verifying_the_log(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    overwrite(message, body=stored(send(patient, c1)).body)
    assert [problem.what for problem in verify().problems if message["id"] in problem.what]


def test_a_message_whose_key_was_destroyed_is_gone_and_no_alert(
    patient: httpx.Client, pat1: Person, c1: str, tamper: Callable[..., int]
) -> None:
    message = send(patient, c1, "until the key goes")
    assert tamper("UPDATE vault_data_key SET state = 'shredded', blob = NULL") == 1
    keyring().forget(UUID(c1))
    assert errors(page(patient, c1)) == ["shredded"]
    refused(patient.patch(f"/api/v1/messages/{message['id']}", json={"content": "x"}), 410, "shredded")
    assert entries("message.unreadable", pat1) == []
