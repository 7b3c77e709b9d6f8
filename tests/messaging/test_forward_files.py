"""Forwarding a message with files: each is copied, sealed anew for where it goes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from pytest_django.fixtures import Settings

from attachments import storage
from attachments.models import Attachment, Status
from attachments.storage import ObjectStore, StorageUnavailable
from audit.verify import verify
from core.errors import AppError
from core.limits import Rate
from messaging import copies
from messaging.models import Membership
from tests.live import Server
from tests.messaging.files import (
    LETTER,
    PICTURE,
    content_of,
    ids_of,
    row_of,
    send_files,
    thumbnail_of,
    upload,
)
from tests.messaging.rooms import room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    entries,
    entry_details,
    head_of,
    page,
    refused,
    send,
)
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

BIG = bytes(range(256)) * 1024  # four chunks


def forward(client: httpx.Client, message: Json, conversation_id: str, **more: object) -> httpx.Response:
    asked = {"conversationId": conversation_id, **more}
    return client.post(f"{API}/messages/{message['id']}/forward", json=asked)


def copies_in(conversation_id: str) -> list[Attachment]:
    """The files there that are not gone."""
    return list(Attachment.objects.filter(conversation_id=UUID(conversation_id), gone_at=None).order_by("id"))


@pytest.fixture
def here(teacher: Person, student: Person) -> str:
    return room_of(teacher, student, name="Here")


@pytest.fixture
def there(student: Person, classmate: Person) -> str:
    return room_of(student, classmate, name="There")


@pytest.fixture
def sent(teacher: Person, here: str, as_teacher: httpx.Client) -> Json:
    """A message of two files, one with a thumbnail."""
    picture = upload(teacher, here, BIG, thumbnail=b"small", **PICTURE)
    return send_files(as_teacher, here, upload(teacher, here), picture, content="For you")


@pytest.mark.core
def test_the_copy_has_copies_of_the_files(
    server: Server, student: Person, classmate: Person, here: str, there: str, sent: Json, as_student: httpx.Client
) -> None:
    with connect(server, classmate.token) as other:
        copy = answered(forward(as_student, sent, there), 201)
        event = other.next_event("message:new")
    assert event["data"] == copy == page(as_student, there)["results"][0]
    assert (copy["type"], copy["content"]) == ("file", "For you")
    for old, new in zip(sent["attachments"], copy["attachments"], strict=True):
        same = ("name", "mimeType", "size", "sha256", "status")
        assert [new[name] for name in same] == [old[name] for name in same]
        assert (new["conversationId"], new["ownerId"]) == (there, str(student.id))
        assert new["id"] != old["id"]
    letter, picture = ids_of(copy)
    assert (content_of(letter), content_of(picture), thumbnail_of(picture)) == (LETTER, BIG, b"small")
    assert row_of(letter).thumbnail_key is None
    assert verify().problems == []


@pytest.mark.core
def test_nothing_of_the_original_opens_the_copy_and_the_other_way_round(
    here: str, there: str, sent: Json, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """Other objects under other keys: each goes with its own message."""
    copy = answered(forward(as_student, sent, there), 201)
    old, new = (row_of(ids_of(message)[0]) for message in (sent, copy))
    assert old.storage_key != new.storage_key
    assert bytes(old.file_key) != bytes(new.file_key)
    Attachment.objects.filter(id=new.id).update(storage_key="f" * 32)
    Attachment.objects.filter(id=old.id).update(storage_key=new.storage_key)
    with pytest.raises(AppError):
        content_of(old.id)
    Attachment.objects.filter(id=old.id).update(storage_key=old.storage_key)
    Attachment.objects.filter(id=new.id).update(storage_key=new.storage_key)
    answered(as_teacher.delete(f"{API}/messages/{sent['id']}"))
    assert content_of(new.id) == LETTER
    assert ids_of(page(as_student, there)["results"][0]) == ids_of(copy)


def test_it_stands_in_the_log_what_was_copied_from_where(
    student: Person, here: str, there: str, sent: Json, as_student: httpx.Client
) -> None:
    copy = answered(forward(as_student, sent, there), 201)
    found = entries("file.copied", student)
    assert [(str(entry.object), str(entry.conv)) for entry in found] == [(id_, there) for id_ in ids_of(copy)]
    assert [entry_details(entry) for entry in found] == [{"from": id_, "out_of": here} for id_ in ids_of(sent)]


@pytest.mark.core
def test_a_repeat_copies_nothing(
    teacher: Person, here: str, there: str, sent: Json, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    other = send_files(as_teacher, here, upload(teacher, here, name="other.pdf"), content="For you")
    first = answered(forward(as_student, sent, there, clientMessageId="k"), 201)
    again = answered(forward(as_student, sent, there, clientMessageId="k"), 200)
    assert again == {**first, "duplicate": True}
    refused(forward(as_student, other, there, clientMessageId="k"), 409, "idempotency_conflict")
    assert [str(one.id) for one in copies_in(there)] == ids_of(first)


def test_two_at_the_same_time_under_one_client_id_leave_one_copy(
    student: Person, here: str, there: str, sent: Json, as_student: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds out only when it has copied everything."""
    first = answered(forward(as_student, sent, there, clientMessageId="k"), 201)
    monkeypatch.setattr("messaging.services.forwarding._is_known", lambda *_: False)
    again = answered(forward(as_student, sent, there, clientMessageId="k"), 200)
    assert again == {**first, "duplicate": True}
    assert [str(one.id) for one in copies_in(there)] == ids_of(first)
    assert Attachment.objects.filter(conversation_id=UUID(there)).count() == 4


def test_clinical_files_stay_with_their_patient(
    pat1: Person, doc1: Person, doc2: Person, c1: str, doctor: httpx.Client, patient: httpx.Client
) -> None:
    message = send_files(patient, c1, upload(pat1, c1))
    colleagues = room_of(doc1, doc2)
    refused(forward(doctor, message, colleagues), 403, "forbidden")
    assert copies_in(colleagues) == []
    own_other = open_clinical(pat1, doc2)
    assert content_of(ids_of(answered(forward(patient, message, own_other), 201))[0]) == LETTER


def test_where_one_may_not_write_nothing_is_copied(
    student: Person, here: str, there: str, sent: Json, as_student: httpx.Client, as_teacher: httpx.Client
) -> None:
    Membership.objects.filter(user=student.user, conversation=UUID(there)).update(is_muted=True)
    refused(forward(as_student, sent, there), 403, "forbidden")
    refused(forward(as_teacher, sent, there), 404, "not_found")
    assert not Attachment.objects.filter(conversation_id=UUID(there)).exists()


def test_rooms_take_no_files_larger_than_they_may_be(
    here: str, there: str, sent: Json, as_student: httpx.Client, settings: Settings
) -> None:
    settings.CHAT_MAX_ATTACHMENT_SIZE = len(BIG) - 1
    refused(forward(as_student, sent, there), 413, "too_large")
    settings.CHAT_MAX_ATTACHMENT_SIZE = len(BIG)
    answered(forward(as_student, sent, there), 201)


@pytest.mark.parametrize("status", [Status.INFECTED, Status.UNSCANNABLE])
def test_what_is_not_clean_any_more_is_not_copied(
    there: str, sent: Json, as_student: httpx.Client, status: str
) -> None:
    Attachment.objects.filter(id=ids_of(sent)[1]).update(status=status)
    refused(forward(as_student, sent, there), 403, "blocked_file")
    assert not Attachment.objects.filter(conversation_id=UUID(there)).exists()


@pytest.mark.parametrize("damage", ["another object", "no object", "no row"])
def test_a_damaged_file_is_not_copied_and_no_copy_is_left(
    student: Person, there: str, sent: Json, as_student: httpx.Client, damage: str
) -> None:
    """T085"""
    letter, picture = (row_of(id_) for id_ in ids_of(sent))
    if damage == "another object":
        Attachment.objects.filter(id=letter.id).update(storage_key="e" * 32)  # each key is one row's only
        Attachment.objects.filter(id=picture.id).update(storage_key=letter.storage_key)
    elif damage == "no object":
        storage.object_store().delete(picture.storage_key)
    else:
        Attachment.objects.filter(id=picture.id).delete()
    refused(forward(as_student, sent, there), 502, "integrity_error")
    assert (copies_in(there), head_of(there)) == ([], 0)
    assert damage == "no row" or len(entries("file.unreadable", student)) == 1


def test_when_the_storage_is_away_nothing_is_sent_and_texts_go_on(
    here: str,
    there: str,
    sent: Json,
    as_student: httpx.Client,
    as_teacher: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T141"""
    text = send(as_teacher, here, "text")

    class Away:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def away(*args: object) -> object:
                raise StorageUnavailable

            return away

    def store() -> ObjectStore:
        return Away()

    monkeypatch.setattr("attachments.copying.object_store", store)
    refused(forward(as_student, sent, there), 503, "storage_unavailable")
    assert copies_in(there) == []
    answered(forward(as_student, text, there), 201)


def test_only_few_are_copied_at_once(there: str, sent: Json, as_student: httpx.Client) -> None:
    for _ in range(copies.AT_ONCE):
        assert copies._places.acquire(blocking=False)
    try:
        problem = refused(forward(as_student, sent, there), 503, "overloaded")
        assert problem["retryAfterMs"] > 0
    finally:
        for _ in range(copies.AT_ONCE):
            copies._places.release()
    answered(forward(as_student, sent, there), 201)


def test_each_file_counts_as_an_upload(there: str, sent: Json, as_student: httpx.Client, settings: Settings) -> None:
    settings.LIMITS = {**settings.LIMITS, "UPLOAD": Rate(3, 60)}
    answered(forward(as_student, sent, there), 201)
    refused(forward(as_student, sent, there), 429, "rate_limited")
    assert len(copies_in(there)) == 2


def test_a_copy_of_a_copy_has_files_of_its_own(
    server: Server, classmate: Person, there: str, sent: Json, as_student: httpx.Client, teacher: Person
) -> None:
    copy = answered(forward(as_student, sent, there), 201)
    further = room_of(teacher, classmate)
    with client_for(classmate, server) as client:
        again = answered(forward(client, copy, further), 201)
    assert again["forwardedFrom"] == copy["forwardedFrom"]
    assert not {*ids_of(again)} & {*ids_of(copy), *ids_of(sent)}
    assert content_of(ids_of(again)[0]) == LETTER
