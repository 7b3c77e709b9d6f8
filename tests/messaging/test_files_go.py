"""Files go with their messages: deleted, expired, out of reach, and with somebody's own data."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import httpx
import pytest

from attachments import storage, wiring
from attachments.models import Attachment, Status
from attachments.querysets import visible_attachment
from attachments.storage import StorageUnavailable
from audit.verify import verify
from core.errors import Forbidden, NotFound, StorageFull
from core.time import now
from messaging.expiry import expire_messages
from messaging.models import Membership
from messaging.querysets import visible_message
from messaging.services import delete_message
from tests.live import Server
from tests.messaging.files import LETTER, PICTURE, row_of, send_files, upload
from tests.messaging.rooms import open_direct, room_of
from tests.messaging.talking import API, Json, answered, entries, page, post, refused
from tests.people import Person, client_for
from tests.sockets import connect


def may_have(person: Person, attachment_id: str) -> bool:
    """Whether there is such a file for this person, as every request about files asks it."""
    try:
        return str(visible_attachment(person.id, UUID(attachment_id)).id) == attachment_id
    except NotFound:
        return False


# ---- With the message ------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_deleted_message_takes_its_files_along(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    letter, kept = upload(pat1, c1), upload(pat1, c1)
    message, other = send_files(patient, c1, letter, content="x"), send_files(patient, c1, kept)
    assert may_have(pat1, letter)
    assert may_have(doc1, letter)
    with connect(server, doc1.token) as client:
        gone = answered(patient.delete(f"{API}/messages/{message['id']}"))
        event = client.next_event("message:deleted")
    assert gone["attachments"] == event["data"]["attachments"] == []
    assert page(doctor, c1)["results"] == [gone, other]
    assert row_of(letter).gone_at is not None
    assert not may_have(pat1, letter)
    assert not may_have(doc1, letter)
    assert may_have(doc1, kept)
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    Attachment.objects.filter(id=letter).delete()  # as the job does, once the object is removed
    assert verify().problems == []


def test_a_deletion_that_is_undone_keeps_them(
    pat1: Person, c1: str, patient: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go in the transaction of their message, or stay."""
    letter = upload(pat1, c1)
    message = send_files(patient, c1, letter)

    def full(*args: object, **named: object) -> None:
        raise StorageFull

    with monkeypatch.context() as broken:
        broken.setattr("messaging.services.messages.fingerprint.of_row", full)
        subject = visible_message(pat1.id, UUID(message["id"]))
        with pytest.raises(StorageFull):
            delete_message(actor=pat1.actor, subject=subject)
    assert row_of(letter).gone_at is None
    assert page(patient, c1)["results"] == [message]


@pytest.mark.core
def test_an_expired_message_has_none_from_its_moment_on(
    teacher: Person,
    student: Person,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the job has come round, and after."""
    room = room_of(teacher, student)
    letter = upload(teacher, room)
    message = send_files(as_teacher, room, letter, expiresInSeconds=60)
    assert may_have(student, letter)
    for clock in ("messaging.rows.now", "messaging.querysets.chosen.now"):
        monkeypatch.setattr(clock, lambda: now() + timedelta(seconds=61))
    assert not may_have(student, letter)
    assert page(as_student, room)["results"][0]["attachments"] == []
    assert row_of(letter).gone_at is None
    expire_messages()
    assert row_of(letter).gone_at is not None
    assert not may_have(teacher, letter)
    refused(as_student.post(f"{API}/messages/{message['id']}/forward", json={"conversationId": room}), 410, "gone")
    assert verify().problems == []


def test_a_leader_of_a_room_takes_away_the_files_of_others(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    room = room_of(teacher, student)
    letter = upload(student, room)
    message = send_files(as_student, room, letter)
    answered(as_teacher.delete(f"{API}/messages/{message['id']}"))
    assert not may_have(student, letter)


# ---- Out of reach ----------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_who_is_removed_has_none_any_more_not_even_their_own(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    room = room_of(teacher, student)
    theirs, own, unsent = upload(teacher, room), upload(student, room), upload(student, room)
    send_files(as_teacher, room, theirs)
    send_files(as_student, room, own)
    assert all(may_have(student, id_) for id_ in (theirs, own, unsent))
    assert as_teacher.delete(f"{API}/conversations/{room}/members/{student.id}").status_code == 204
    assert not any(may_have(student, id_) for id_ in (theirs, own, unsent))
    assert may_have(teacher, own)
    assert not wiring.is_member(student.id, UUID(room))
    with pytest.raises(NotFound):
        wiring.place_for(student.actor, UUID(room))


def test_newcomers_have_none_of_before(teacher: Person, student: Person, as_teacher: httpx.Client) -> None:
    room = room_of(teacher)
    before, after = upload(teacher, room), upload(teacher, room)
    send_files(as_teacher, room, before)
    answered(as_teacher.post(f"{API}/conversations/{room}/members", json={"userIds": [str(student.id)]}), 201)
    send_files(as_teacher, room, after)
    assert (may_have(student, before), may_have(student, after)) == (False, True)


def test_of_a_deleted_conversation_nobody_has_any(
    pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    sent, unsent = upload(pat1, c1), upload(pat1, c1)
    send_files(patient, c1, sent)
    assert doctor.delete(f"{API}/conversations/{c1}").status_code == 204
    assert not any(may_have(person, id_) for person in (pat1, doc1) for id_ in (sent, unsent))
    with pytest.raises(NotFound):
        wiring.place_for(pat1.actor, UUID(c1))


@pytest.mark.core
def test_an_unsent_file_is_its_owners_alone(pat1: Person, doc1: Person, c1: str) -> None:
    letter = upload(pat1, c1)
    assert visible_attachment(pat1.id, UUID(letter)).status == Status.CLEAN
    assert not may_have(doc1, letter)


def test_where_one_of_two_has_blocked_the_other_neither_sends_files(server: Server, doc1: Person, doc2: Person) -> None:
    """What was sent before stays, as texts do."""
    place = open_direct(doc1, doc2)
    with client_for(doc1, server) as one, client_for(doc2, server) as two:
        before, unsent = upload(doc1, place), upload(doc1, place)
        send_files(one, place, before)
        assert two.put(f"{API}/users/{doc1.id}/block").status_code == 204
        refused(post(one, place, "x", attachmentIds=[unsent]), 403, "forbidden")
        assert may_have(doc2, before)
        for person in (doc1, doc2):
            with pytest.raises(Forbidden):
                wiring.place_for(person.actor, UUID(place))


def test_how_large_files_may_be_and_where(pat1: Person, doc1: Person, doc2: Person, c1: str) -> None:
    assert wiring.place_for(pat1.actor, UUID(c1)).most_bytes == 50 << 20
    assert wiring.place_for(doc1.actor, UUID(open_direct(doc1, doc2))).most_bytes == 50 << 20
    room = UUID(room_of(doc1, doc2))
    assert wiring.place_for(doc1.actor, room) == wiring.Place(room, 10 << 20)
    Membership.objects.filter(conversation=room, user=doc2.user).update(is_muted=True)
    with pytest.raises(Forbidden):
        wiring.place_for(doc2.actor, room)


# ---- With one's own data ---------------------------------------------------------------------------------------------


def export(client: httpx.Client) -> tuple[ZipFile, list[Json]]:
    """The zip, and what its `files.jsonl` tells."""
    answer = client.get(f"{API}/me/export")
    assert answer.status_code == 200, answer.text
    archive = ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive, [json.loads(line) for line in archive.read("files.jsonl").splitlines()]


@pytest.mark.core
def test_files_are_in_ones_own_data_themselves(
    pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    large = bytes(range(256)) * 2048
    mine, theirs, unsent = upload(pat1, c1), upload(doc1, c1, large, **PICTURE), upload(pat1, c1, b"", name="empty.txt")
    sent, received = send_files(patient, c1, mine), send_files(doctor, c1, theirs)
    not_mine = upload(doc1, c1)
    archive, lines = export(patient)
    told = {line["id"]: line for line in lines}
    assert told.keys() == {mine, theirs, unsent}
    assert not_mine not in str(archive.namelist())
    assert [told[mine]["messageId"], told[theirs]["messageId"]] == [sent["id"], received["id"]]
    assert "messageId" not in told[unsent]
    assert sent["attachments"][0].items() <= told[mine].items()
    assert told[mine]["path"] == f"files/{mine}/letter.pdf"
    assert [archive.read(told[id_]["path"]) for id_ in (mine, theirs, unsent)] == [LETTER, large, b""]
    assert archive.getinfo(told[theirs]["path"]).compress_type == ZIP_STORED
    assert {str(entry.object) for entry in entries("file.viewed", pat1)} == {mine, theirs, unsent}


def test_what_is_not_clean_or_gone_is_not_given_out_there_either(pat1: Person, c1: str, patient: httpx.Client) -> None:
    bad, gone = upload(pat1, c1), upload(pat1, c1)
    send_files(patient, c1, bad)
    message = send_files(patient, c1, gone)
    Attachment.objects.filter(id=bad).update(status=Status.INFECTED)
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    archive, lines = export(patient)
    assert [(line["id"], line["status"], line.get("path")) for line in lines] == [(bad, "infected", None)]
    assert not any(name.startswith("files/") for name in archive.namelist())
    assert entries("file.viewed", pat1) == []


@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_a_damaged_file_does_not_keep_the_rest_from_its_owner(
    pat1: Person, c1: str, patient: httpx.Client, damage: str
) -> None:
    """T085"""
    bad, good = upload(pat1, c1), upload(pat1, c1)
    send_files(patient, c1, bad, good)
    if damage == "gone":
        storage.object_store().delete(row_of(bad).storage_key)
    else:
        another = row_of(upload(pat1, c1))
        Attachment.objects.filter(id=another.id).delete()
        Attachment.objects.filter(id=bad).update(storage_key=another.storage_key)
    archive, lines = export(patient)
    told = {line["id"]: line for line in lines}
    assert (told[bad].get("path"), told[bad]["contentError"]) == (None, "undecryptable")
    assert archive.read(told[good]["path"]) == LETTER
    assert [str(entry.object) for entry in entries("file.unreadable", pat1)] == [bad]


def test_when_the_storage_is_away_no_program_opens_the_zip(
    pat1: Person, c1: str, patient: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T141: rather than one that looks whole."""
    send_files(patient, c1, upload(pat1, c1))

    def away(*args: object) -> Callable[..., object]:
        raise StorageUnavailable

    monkeypatch.setattr("attachments.opening.object_store", away)
    with pytest.raises(BadZipFile):
        export(patient)
