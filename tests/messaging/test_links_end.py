"""From the upload to the link and its end, by the doors alone: a link opens as long as the message can be seen."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from core.time import now
from messaging.models import Membership
from tests.messaging.files import ids_of, send_files
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, refused
from tests.people import Person

NOTE = b"K<3.5 and Na>145\r\n"


def uploaded(client: httpx.Client, conversation_id: str) -> Json:
    file = {"file": ("note.txt", NOTE, "text/plain")}
    return answered(client.post(f"{API}/attachments", data={"conversationId": conversation_id}, files=file), 201)


def link_to(client: httpx.Client, file_id: str) -> str:
    return str(answered(client.post(f"{API}/attachments/{file_id}/url", json={}))["url"])


def opened(url: str, client: httpx.Client) -> bytes:
    response = client.get(url)
    assert response.status_code == 200, response.text
    return response.content


@pytest.fixture
def room(teacher: Person, student: Person, classmate: Person) -> str:
    return room_of(teacher, student, classmate)


@pytest.fixture
def sent(room: str, as_teacher: httpx.Client) -> Json:
    return send_files(as_teacher, room, uploaded(as_teacher, room)["id"], content="For everybody")


@pytest.mark.core
def test_what_was_uploaded_and_sent_is_opened_by_the_others(
    room: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    file = uploaded(as_teacher, room)
    refused(as_student.get(f"{API}/attachments/{file['id']}"), 404, "not_found")
    message = send_files(as_teacher, room, file["id"])
    assert message["attachments"] == [file]
    assert answered(as_student.get(f"{API}/attachments/{file['id']}")) == file
    assert opened(link_to(as_student, file["id"]), as_student) == NOTE
    refused(as_teacher.delete(f"{API}/attachments/{file['id']}"), 403, "forbidden")


@pytest.mark.core
@pytest.mark.parametrize("end", ["removed", "left", "deleted", "expired", "closed"])
def test_links_end_with_what_they_are_for(
    end: str,
    student: Person,
    room: str,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Made before, used afterwards: removed from the room, left it, the message gone, the room gone."""
    message = send_files(as_teacher, room, uploaded(as_teacher, room)["id"], expiresInSeconds=3600)
    url = link_to(as_student, ids_of(message)[0])
    assert opened(url, as_student) == NOTE
    ends: dict[str, Callable[[], object]] = {
        "removed": lambda: as_teacher.delete(f"{API}/conversations/{room}/members/{student.id}"),
        "left": lambda: as_student.post(f"{API}/conversations/{room}/leave"),
        "deleted": lambda: as_teacher.delete(f"{API}/messages/{message['id']}"),
        "expired": lambda: monkeypatch.setattr("messaging.rows.now", lambda: now() + timedelta(hours=2)),
        "closed": lambda: as_teacher.delete(f"{API}/conversations/{room}"),
    }
    ends[end]()
    refused(as_student.get(url), 403, "forbidden")
    refused(as_student.post(f"{API}/attachments/{ids_of(message)[0]}/url", json={}), 404, "not_found")


def test_who_comes_back_has_what_they_may_see_again(
    student: Person, room: str, sent: Json, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """With another stay, from which the messages of the last one cannot be seen."""
    url = link_to(as_student, ids_of(sent)[0])
    assert as_student.post(f"{API}/conversations/{room}/leave").status_code == 204
    body = {"userIds": [str(student.id)]}
    answered(as_teacher.post(f"{API}/conversations/{room}/members", json=body), 201)
    refused(as_student.get(url), 403, "forbidden")
    later = send_files(as_teacher, room, uploaded(as_teacher, room)["id"])
    assert opened(link_to(as_student, ids_of(later)[0]), as_student) == NOTE


def test_a_copy_is_opened_where_it_was_forwarded_to(
    teacher: Person, room: str, sent: Json, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """And goes on being there when the original is deleted."""
    elsewhere = room_of(teacher)
    asked = {"conversationId": elsewhere}
    copy = answered(as_teacher.post(f"{API}/messages/{sent['id']}/forward", json=asked), 201)
    answered(as_teacher.delete(f"{API}/messages/{sent['id']}"))
    assert opened(link_to(as_teacher, ids_of(copy)[0]), as_teacher) == NOTE
    refused(as_student.post(f"{API}/attachments/{ids_of(copy)[0]}/url", json={}), 404, "not_found")


def test_where_one_is_silenced_one_uploads_nothing(student: Person, room: str, as_student: httpx.Client) -> None:
    Membership.objects.filter(user=student.user).update(is_muted=True)
    file = {"file": ("note.txt", NOTE, "text/plain")}
    answer = as_student.post(f"{API}/attachments", data={"conversationId": room}, files=file)
    refused(answer, 403, "forbidden")
