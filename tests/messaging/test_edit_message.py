"""Editing a message of one's own."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from core.time import now
from encryption import periods
from encryption.formats import blob_epoch
from messaging.models import Membership
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    fingerprint_of,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    send,
    stored,
)
from tests.people import Person
from tests.sockets import Refusal, connect


def edit(client: httpx.Client, message_id: str, content: object) -> httpx.Response:
    return client.patch(f"/api/v1/messages/{message_id}", json={"content": content})


@pytest.mark.core
def test_everybody_is_told_and_reads_the_new_text(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(patient, c1, "40 mg")
    with connect(server, doc1.token) as other:
        edited = answered(edit(patient, message["id"], "4 mg; K<3.5 and Na>145"))
        event = other.next_event("message:updated")
        assert (event["seq"], event["actorId"], event["data"]) == (2, str(pat1.id), edited)
    assert (edited["content"], edited["isEdited"], edited["seq"]) == ("4 mg; K<3.5 and Na>145", True, 1)
    assert page(doctor, c1)["results"] == [edited]


@pytest.mark.core
def test_the_same_over_a_socket(server: Server, pat1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    with connect(server, pat1.token) as client:
        edited = client.ask("message:edit", {"messageId": message["id"], "content": "By socket."})
        assert client.next_event("message:updated")["data"] == edited
    assert contents(page(patient, c1)["results"]) == ["By socket."]


def test_a_replay_shows_todays_text(server: Server, doc1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1, "first")
    answered(edit(patient, message["id"], "second"))
    with connect(server, doc1.token) as client:
        frames = client.ask("conversation:events", {"conversationId": c1})["results"]
    assert [(frame["event"], frame["data"]["content"]) for frame in frames] == [
        ("message:new", "second"),
        ("message:updated", "second"),
    ]


def test_the_same_text_again_changes_nothing(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1, "as it was")
    assert answered(edit(patient, message["id"], "as it was <b></b>".removesuffix(" <b></b>"))) == message
    assert answered(edit(patient, message["id"], "<i>as it was</i>")) == message
    assert head_of(c1) == 1
    assert entries("message.edited", pat1) == []


def test_each_edit_is_one_entry_with_the_hash_of_what_is_stored(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    for text in ("second", "third"):
        answered(edit(patient, message["id"], text))
    _, last = entries("message.edited", pat1)
    row = stored(message)
    assert (row.revision, str(last.object), str(last.conv)) == (2, message["id"], c1)
    assert bytes(last.object_h or b"") == fingerprint_of(row)
    assert list(check_bodies()) == []


def test_an_edit_stays_under_the_key_of_the_message(
    patient: httpx.Client, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else shredding old keys would miss what was edited later."""
    message = send(patient, c1)
    monkeypatch.setattr(periods, "now", lambda: now() + timedelta(days=62))
    assert blob_epoch(stored(send(patient, c1, "of the new period")).body) == 2
    answered(edit(patient, message["id"], "edited in the new period"))
    assert blob_epoch(stored(message).body) == 1
    assert contents(page(patient, c1)["results"]) == ["edited in the new period", "of the new period"]


@pytest.mark.parametrize("text", ["", "<b></b>", "a\x00b"])
def test_text_that_cannot_be_stored_is_refused(patient: httpx.Client, c1: str, text: str) -> None:
    message = send(patient, c1)
    refused(edit(patient, message["id"], text), 400, "invalid_text")
    refused(edit(patient, message["id"], "x" * 5001), 413, "too_large")
    assert page(patient, c1)["results"] == [message]


@pytest.mark.parametrize(
    "field", ["seq", "senderId", "conversationId", "conversation_id", "revision", "kind", "type", "format", "messageId"]
)
def test_nothing_but_the_text_can_be_changed(patient: httpx.Client, c1: str, field: str) -> None:
    """T051."""
    message = send(patient, c1)
    response = patient.patch(f"/api/v1/messages/{message['id']}", json={"content": "x", field: str(uuid4())})
    refused(response, 400, "unknown_field")
    assert page(patient, c1)["results"] == [message]


@pytest.mark.core
def test_somebody_elses_message_is_not_ones_own(
    server: Server, doc1: Person, doctor: httpx.Client, patient: httpx.Client, c1: str
) -> None:
    message = send(patient, c1)
    refused(edit(doctor, message["id"], "changed"), 403, "forbidden")
    with connect(server, doc1.token) as client, pytest.raises(Refusal, match="forbidden"):
        client.ask("message:edit", {"messageId": message["id"], "content": "changed"})
    assert [(entry.reason, entry.outcome) for entry in entries("access.denied", doc1)] == [("forbidden", "deny")] * 2
    assert page(doctor, c1)["results"] == [message]


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    ours, random = edit(stranger, message["id"], "x"), edit(stranger, str(uuid4()), "x")
    assert same_but_for_the_request_id(refused(ours, 404, "not_found"), refused(random, 404, "not_found"))


def test_a_deleted_message_cannot_be_edited(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    answered(patient.delete(f"/api/v1/messages/{message['id']}"))
    refused(edit(patient, message["id"], "back again"), 410, "gone")


def test_who_may_not_write_any_more_may_not_edit_either(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    refused(edit(patient, message["id"], "x"), 403, "forbidden")


def test_a_message_that_was_tampered_with_is_not_overwritten(
    patient: httpx.Client, c1: str, tamper: Callable[..., int]
) -> None:
    """An edit would wipe away the trace."""
    message = send(patient, c1)
    assert tamper("UPDATE messaging_message SET revision = 5") == 1
    refused(edit(patient, message["id"], "x"), 502, "integrity_error")


def test_without_a_record_nothing_is_changed(
    patient: httpx.Client, doctor: httpx.Client, c1: str, request: pytest.FixtureRequest
) -> None:
    message = send(patient, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(edit(patient, message["id"], "x"), 503, "audit_unavailable")
    assert stored(message).revision == 0
    assert head_of(c1) == 1
