"""Files that are sent with a message: `attachmentIds`, by both doors."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from attachments.models import Attachment
from audit.verify import verify
from core.time import now, wire_time
from tests.live import Server
from tests.messaging.files import (
    CLIP,
    LETTER,
    PICTURE,
    RECORDING,
    content_of,
    ids_of,
    post_files,
    row_of,
    send_files,
    upload,
)
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, head_of, page, post, refused, send, stored
from tests.people import Person, client_for
from tests.sockets import connect


def wrong_fields(problem: Json) -> dict[str, str]:
    return {error["field"]: error["code"] for error in problem["errors"]}


# ---- What everybody gets ---------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_file_goes_with_its_message_to_everybody(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    """The answer, the event, history, the log of events and a repeat show the same."""
    letter = upload(pat1, c1)
    with connect(server, doc1.token) as client:
        message = send_files(patient, c1, letter, content="The letter.", clientMessageId="k")
        event = client.next_event("message:new")
    row = row_of(letter)
    assert message["attachments"] == [
        {
            "id": letter,
            "conversationId": c1,
            "ownerId": str(pat1.id),
            "name": "letter.pdf",
            "mimeType": "application/pdf",
            "size": len(LETTER),
            "sha256": message["attachments"][0]["sha256"],
            "status": "clean",
            "createdAt": wire_time(row.created_at),
        }
    ]
    assert (message["type"], message["content"], row.message_id) == ("file", "The letter.", UUID(message["id"]))
    assert event["data"] == message
    for client_ in (patient, doctor):
        assert page(client_, c1)["results"] == [message]
        [event] = answered(client_.get(f"{API}/conversations/{c1}/events"))["results"]
        assert event["data"] == message
    repeated = answered(post_files(patient, c1, letter, content="The letter.", clientMessageId="k"), 200)
    assert repeated == {**message, "duplicate": True}
    assert content_of(letter) == LETTER


def test_everything_that_is_told_of_a_file(pat1: Person, c1: str, patient: httpx.Client) -> None:
    picture, voice = upload(pat1, c1, **PICTURE), upload(pat1, c1, **RECORDING)
    [shown] = send_files(patient, c1, picture)["attachments"]
    assert (shown["width"], shown["height"], shown["mimeType"]) == (640, 480, "image/png")
    assert not {"durationMs", "waveform"} & shown.keys()
    [heard] = send_files(patient, c1, voice, type="voice")["attachments"]
    assert (heard["durationMs"], heard["waveform"]) == (2100, [0, 50, 100])


@pytest.mark.core
def test_ten_files_in_the_order_in_which_they_were_named(
    server: Server, pat1: Person, c1: str, patient: httpx.Client
) -> None:
    ids = [upload(pat1, c1, b"%d" % number, name=f"{number}.pdf") for number in range(11)]
    backwards = ids[9::-1]
    with connect(server, pat1.token) as client:
        message = client.ask("message:new", {"conversationId": c1, "attachmentIds": backwards})
    assert ids_of(message) == backwards
    assert ids_of(page(patient, c1)["results"][0]) == backwards
    more = [*backwards, ids[10]]
    assert wrong_fields(refused(post_files(patient, c1, *more), 400, "invalid")) == {"attachmentIds": "max_length"}


def test_the_text_may_be_missing_only_beside_files(pat1: Person, c1: str, patient: httpx.Client) -> None:
    for text in ({}, {"content": ""}, {"content": " \n"}, {"content": "<b></b>"}):
        message = send_files(patient, c1, upload(pat1, c1), **text)
        assert message["content"] == ""
    problem = refused(post_files(patient, c1), 400, "invalid")
    assert wrong_fields(problem) == {"content": "required"}
    refused(post(patient, c1, "", attachmentIds=[]), 400, "invalid_text")
    assert head_of(c1) == 4


def test_without_a_text_a_quote_and_the_list_show_what_the_files_are_called(
    pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send_files(patient, c1, upload(pat1, c1), upload(pat1, c1, name="scan.pdf"))
    assert answered(doctor.get(f"{API}/conversations/{c1}"))["lastMessage"]["preview"] == "letter.pdf, scan.pdf"
    reply = send(doctor, c1, "Thank you.", replyToId=message["id"])
    assert reply["replyTo"] == {
        "id": message["id"],
        "seq": 1,
        "senderId": str(pat1.id),
        "preview": "letter.pdf, scan.pdf",
    }
    assert reply["attachments"] == []
    captioned = send_files(patient, c1, upload(pat1, c1), content="My letter")
    assert send(doctor, c1, "Yes.", replyToId=captioned["id"])["replyTo"]["preview"] == "My letter"


def test_its_sender_and_everybody_may_react_pin_and_edit_and_the_files_stay(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    letter = upload(pat1, c1)
    message = send_files(patient, c1, letter, content="Look")
    with connect(server, doc1.token) as client:
        edited = answered(patient.patch(f"{API}/messages/{message['id']}", json={"content": "Look here"}))
        event = client.next_event("message:updated")
    assert edited["attachments"] == event["data"]["attachments"] == message["attachments"]
    answered(doctor.put(f"{API}/messages/{message['id']}/reactions/👍"))
    answered(doctor.put(f"{API}/messages/{message['id']}/pin"))
    [pinned] = answered(patient.get(f"{API}/conversations/{c1}/pins"))["results"]
    assert (pinned["content"], ids_of(pinned)) == ("Look here", [letter])
    bare = answered(patient.patch(f"{API}/messages/{message['id']}", json={"content": "  "}))
    assert (bare["content"], ids_of(bare)) == ("", [letter])
    earlier = answered(patient.get(f"{API}/messages/{message['id']}/edits"))["results"]
    assert [one["content"] for one in earlier] == ["Look", "Look here"]
    assert not any("files" in one or "attachments" in one for one in earlier)
    assert verify().problems == []


def test_where_there_are_no_files_a_text_cannot_be_taken_away(c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    refused(patient.patch(f"{API}/messages/{message['id']}", json={"content": " "}), 400, "invalid_text")


# ---- Types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "files"),
    [
        ("image", [PICTURE, PICTURE]),
        ("video", [CLIP]),
        ("audio", [RECORDING, RECORDING]),
        ("voice", [RECORDING]),
        ("file", [PICTURE, {}]),
    ],
    ids=str,
)
def test_types_that_fit(pat1: Person, c1: str, patient: httpx.Client, type: str, files: list[dict[str, Any]]) -> None:
    ids = [upload(pat1, c1, **file) for file in files]
    message = send_files(patient, c1, *ids, type=type)
    assert (message["type"], ids_of(message)) == (type, ids)


@pytest.mark.parametrize(
    ("type", "files"),
    [
        ("image", [PICTURE, {}]),
        ("image", [CLIP]),
        ("video", [PICTURE]),
        ("audio", [{}]),
        ("voice", [RECORDING, RECORDING]),
        ("voice", [CLIP]),
        ("text", [PICTURE]),
        ("system", [PICTURE]),
        ("image", []),
        ("voice", []),
        ("file", []),
    ],
    ids=str,
)
def test_types_that_do_not_fit(
    pat1: Person, c1: str, patient: httpx.Client, type: str, files: list[dict[str, Any]]
) -> None:
    ids = [upload(pat1, c1, **file) for file in files]
    problem = refused(post_files(patient, c1, *ids, type=type, content="x"), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["type"]
    assert head_of(c1) == 0
    assert not Attachment.objects.exclude(message_id=None).exists()


# ---- Who sees them ---------------------------------------------------------------------------------------------------


def test_newcomers_see_neither_the_message_nor_its_files(
    server: Server, doc1: Person, doc2: Person, doctor: httpx.Client
) -> None:
    """Not in an event about it either: that is veiled."""
    room = room_of(doc1)
    message = send_files(doctor, room, upload(doc1, room), content="Before")
    answered(doctor.post(f"{API}/conversations/{room}/members", json={"userIds": [str(doc2.id)]}), 201)
    answered(doctor.patch(f"{API}/messages/{message['id']}", json={"content": "Edited"}))
    with client_for(doc2, server) as newcomer:
        events = answered(newcomer.get(f"{API}/conversations/{room}/events"))["results"]
        veiled = [event["data"] for event in events if event["event"] == "message:updated"]
        assert [(one["isDeleted"], one["attachments"]) for one in veiled] == [(True, [])]
        refused(newcomer.get(f"{API}/messages/{message['id']}"), 404, "not_found")


def test_a_file_whose_description_was_altered_costs_itself_only(pat1: Person, c1: str, patient: httpx.Client) -> None:
    bad, good = upload(pat1, c1), upload(pat1, c1)
    send_files(patient, c1, bad, good)
    Attachment.objects.filter(id=bad).update(record=row_of(good).record)
    [message] = page(patient, c1)["results"]
    assert [(one["name"], one.get("contentError")) for one in message["attachments"]] == [
        (None, "undecryptable"),
        ("letter.pdf", None),
    ]
    unsent = upload(pat1, c1)
    Attachment.objects.filter(id=unsent).update(record=row_of(good).record)
    refused(post_files(patient, c1, unsent), 400, "invalid_reference")


# ---- What the log knows ----------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_file_that_is_given_to_a_message_taken_away_or_exchanged_is_found_out(
    pat1: Person, doc1: Person, c1: str, patient: httpx.Client
) -> None:
    one, two, spare = (upload(pat1, c1) for _ in range(3))
    first, second = send_files(patient, c1, one), send_files(patient, c1, two)
    plain = send(patient, c1)
    assert verify().problems == []
    files, was = Attachment.objects, row_of(one)
    for change in (
        {"message_id": None},
        {"gone_at": now()},
        {"message_id": second["id"]},
        {"storage_key": "0" * 32},
        {"file_key": row_of(two).file_key},
        {"owner": doc1.user},
    ):
        files.filter(id=one).update(**change)
        assert any(first["id"] in problem.what for problem in verify().problems)
        was.save()
        assert verify().problems == []
    for message in (first, plain):
        files.filter(id=spare).update(message_id=message["id"])
        assert [problem.what for problem in verify().problems] == [f"Message {message['id']} is not what was recorded."]
        [shown] = [one for one in page(patient, c1)["results"] if one["id"] == message["id"]]
        assert spare not in ids_of(shown)
        files.filter(id=spare).update(message_id=None)


def test_nothing_of_a_file_stands_in_the_clear(pat1: Person, c1: str, patient: httpx.Client) -> None:
    message = send_files(patient, c1, upload(pat1, c1, b"canary-content", name="canary-name.pdf"))
    row = row_of(ids_of(message)[0])
    for column in (row.record, row.file_key, stored(message).body):
        assert b"canary" not in bytes(column or b"")


def test_a_message_with_files_may_expire_mention_and_quote(pat1: Person, doc1: Person, doctor: httpx.Client) -> None:
    room = room_of(doc1, pat1)
    quoted = send(doctor, room)
    asked = {"replyToId": quoted["id"], "expiresInSeconds": 60, "content": "@pat1 look"}
    message = send_files(doctor, room, upload(doc1, room), **asked)
    assert message["mentions"] == [str(pat1.id)]
    assert message["replyTo"]["seq"] == 1
    assert now() + timedelta(seconds=50) < stored(message).expires_at  # type: ignore[operator]  # it has one
