"""What is older than policies allow goes, with everything of its, and leaves its place."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from django.conf import settings

from attachments.models import Attachment
from attachments.storage import ObjectGone, object_store
from audit.verify import verify
from core.time import now
from messaging.models import (
    Conversation,
    Mention,
    Message,
    MessageEdit,
    Reaction,
    RemovedMessage,
    WatermarkMove,
)
from messaging.removal import messages as removal
from messaging.verification import check_bodies, check_removed
from realtime.models import Event
from retention.models import Policy, Run, RunCount
from tests.live import Server
from tests.messaging.files import row_of, send_files, upload
from tests.messaging.marks import marked, unread
from tests.messaging.removing import (
    Later,
    count_messages,
    events_of,
    fill,
    later,
    nothing_is_wrong,
    removed,
    swept,
)
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, entries, entry_details, page, post, refused, send
from tests.people import Person
from tests.retention.running import apply, dry_run
from tests.sockets import connect

__all__ = ["later"]

pytestmark = pytest.mark.core

SEVEN_YEARS = 2557


# ---- Nothing is left -------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_message_but_its_place(
    pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, later: Later
) -> None:
    """Row, earlier texts, mentions, reactions, files with their objects, and when it was read."""
    letter = upload(pat1, c1, thumbnail=b"small")
    keys = row_of(letter).storage_key, row_of(letter).thumbnail_key
    message = send_files(patient, c1, letter, content=f"@{doc1.username} take a look")
    answered(patient.patch(f"{API}/messages/{message['id']}", json={"content": f"@{doc1.username} look"}))
    answered(doctor.put(f"{API}/messages/{message['id']}/reactions/👍"))
    answered(doctor.put(f"{API}/messages/{message['id']}/pin"))
    reply = send(doctor, c1, "I see", replyToId=message["id"], threadRootId=message["id"])
    marked(doctor, c1, "read", message["seq"])
    marked(patient, c1, "read", reply["seq"])
    head = events_of(patient, c1)[-1]["seq"]
    later(days=SEVEN_YEARS + 1)
    assert removed() == (2, 1)
    swept()
    for model in (Message, MessageEdit, Mention, Reaction, Attachment):
        assert not model._default_manager.exists(), model
    for key in keys:
        with pytest.raises(ObjectGone):
            object_store().size(str(key))
    assert set(WatermarkMove.objects.values_list("seq", flat=True)) <= {message["seq"], reply["seq"], head}
    assert page(patient, c1)["results"] == []
    refused(patient.get(f"{API}/messages/{message['id']}"), 404, "not_found")
    refused(patient.get(f"{API}/attachments/{letter}"), 404, "not_found")
    nothing_is_wrong()


def test_the_next_run_finds_nothing(pat1: Person, c1: str, patient: httpx.Client, later: Later) -> None:
    send(patient, c1)
    later(days=SEVEN_YEARS + 1)
    assert removed() == (1, 0)
    assert removed() == (0, 0)
    assert len(entries("messages.removed")) == 1


def test_what_is_younger_stays(c1: str, patient: httpx.Client, later: Later) -> None:
    message = send(patient, c1)
    later(days=SEVEN_YEARS - 1)
    assert removed() == (0, 0)
    assert page(patient, c1)["results"] == [message]


def test_the_entry_of_a_batch_says_how_many_went(pat1: Person, c1: str, patient: httpx.Client, later: Later) -> None:
    ids = [send(patient, c1)["id"], send_files(patient, c1, upload(pat1, c1))["id"]]
    later(days=SEVEN_YEARS + 1)
    removed()
    [entry] = entries("messages.removed")
    assert (entry.reason, entry_details(entry)) == ("retention", {"messages": 2, "files": 1})
    assert bytes(entry.object_h or b"") == removal.digest(sorted(map(UUID, ids)))


# ---- What policies say -----------------------------------------------------------------------------------------------


def test_each_kind_and_type_has_its_own_period(
    pat1: Person,
    teacher: Person,
    student: Person,
    c1: str,
    patient: httpx.Client,
    as_teacher: httpx.Client,
    later: Later,
) -> None:
    room = room_of(teacher, student)
    said = send(as_teacher, room, "in a room")
    recording = upload(pat1, c1, name="voice.webm", mime_type="audio/webm", duration_ms=2100, waveform=(0, 50, 100))
    voice = send_files(patient, c1, recording, type="voice")
    text = send(patient, c1, "a text")
    later(days=366)
    assert removed() == (1, 0)
    assert not Message.objects.filter(id=said["id"]).exists()
    later(days=1097)
    assert removed() == (1, 1)
    assert not Message.objects.filter(id=voice["id"]).exists()
    later(days=SEVEN_YEARS + 1)
    assert removed() == (1, 0)
    assert not Message.objects.filter(id=text["id"]).exists()
    nothing_is_wrong()


def test_what_was_deleted_goes_ninety_days_later(c1: str, patient: httpx.Client, later: Later) -> None:
    message, kept = send(patient, c1), send(patient, c1)
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    later(days=89)
    assert removed() == (0, 0)
    later(days=91)
    assert removed() == (1, 0)
    assert [one["id"] for one in page(patient, c1)["results"]] == [kept["id"]]
    nothing_is_wrong()


def test_a_policy_about_a_course_is_about_its_rooms_only(
    teacher: Person, student: Person, as_teacher: httpx.Client, later: Later
) -> None:
    one, other = (room_of(teacher, student, kind="course", name=name, course_id=name) for name in ("C1", "C2"))
    for room in (one, other):
        send(as_teacher, room)
    Policy.objects.create(rule="messaging.messages", course_id="C1", days=30, created_by=uuid4())
    later(days=31)
    assert removed() == (1, 0)
    assert (count_messages(one), count_messages(other)) == (0, 1)


def test_a_policy_can_keep_for_ever(c1: str, patient: httpx.Client, later: Later) -> None:
    send(patient, c1)
    Policy.objects.create(rule="messaging.messages", conversation_kind="clinical", days=None, created_by=uuid4())
    later(days=10 * SEVEN_YEARS)
    assert removed() == (0, 0)


# ---- What others see -------------------------------------------------------------------------------------------------


def test_a_client_that_comes_back_gets_tombstones_and_no_hole(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, later: Later
) -> None:
    gone = send(patient, c1, "gone")
    answered(patient.patch(f"{API}/messages/{gone['id']}", json={"content": "gone too"}))
    deleted = send(patient, c1, "deleted")
    answered(patient.delete(f"{API}/messages/{deleted['id']}"))
    later(days=91)
    removed()
    kept = [event["seq"] for event in events_of(doctor, c1)]
    assert kept == [1, 2, 3, 4]
    later(days=SEVEN_YEARS + 1)
    removed()
    events = events_of(doctor, c1)
    assert [(event["seq"], event["event"]) for event in events] == [
        (1, "message:new"),
        (2, "message:updated"),
        (3, "message:new"),
        (4, "message:deleted"),
    ]
    for event in events:
        data = event["data"]
        assert (data["content"], data["isDeleted"], data["attachments"]) == (None, True, [])
        assert "contentError" not in data
    assert [(event["data"]["id"], event["data"]["seq"]) for event in events] == [
        (gone["id"], 1),
        (gone["id"], 1),
        (deleted["id"], 3),
        (deleted["id"], 3),
    ]
    with connect(server, doc1.token) as client:
        epoch = client.hello["epoch"]
    with connect(server, doc1.token, resume={"epoch": epoch, "cursors": {c1: 0}}) as client:
        assert [client.next_event()["seq"] for _ in range(4)] == [1, 2, 3, 4]
    assert send(patient, c1, "and on")["seq"] == 5


def test_an_answer_to_what_was_removed_shows_that_it_is_gone(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, later: Later
) -> None:
    gone = send(patient, c1, "gone")
    reply = send(doctor, c1, "to that", replyToId=gone["id"], threadRootId=gone["id"])
    answered(patient.delete(f"{API}/messages/{gone['id']}"))
    later(days=91)
    assert removed() == (1, 0)
    found = answered(patient.get(f"{API}/messages/{reply['id']}"))
    quote = {"id": gone["id"], "seq": None, "senderId": None}
    assert (found["content"], found["replyTo"]) == ("to that", {**quote, "preview": None})
    assert page(patient, c1)["results"] == [found]
    assert events_of(doctor, c1)[1]["data"]["replyTo"] == quote
    edited = answered(doctor.patch(f"{API}/messages/{reply['id']}", json={"content": "to this"}))
    assert edited["replyTo"] == {**quote, "preview": None}
    refused(post(patient, c1, "x", replyToId=gone["id"]), 400, "invalid_reference")
    refused(patient.get(f"{API}/messages/{gone['id']}/thread"), 404, "not_found")
    answered(doctor.delete(f"{API}/messages/{reply['id']}"))
    nothing_is_wrong()


def test_counts_of_what_is_unread_stay_right(
    doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client, later: Later
) -> None:
    first = send(patient, c1, f"@{doc1.username}")
    second = send(patient, c1, f"@{doc1.username}")
    assert unread(doctor)[::2] == (2, 2)
    answered(patient.delete(f"{API}/messages/{first['id']}"))
    assert unread(doctor)[::2] == (1, 1)
    later(days=91)
    removed()
    assert unread(doctor)[::2] == (1, 1)
    marked(doctor, c1, "read", second["seq"])
    later(days=SEVEN_YEARS + 1)
    removed()
    assert unread(doctor)[::2] == (0, 0)
    [conversation] = answered(doctor.get(f"{API}/conversations"))["results"]
    assert (conversation["id"], conversation.get("lastMessage")) == (c1, None)
    third = send(patient, c1, f"@{doc1.username}")
    assert unread(doctor)[::2] == (1, 1)
    marked(doctor, c1, "read", third["seq"])
    nothing_is_wrong()


def test_when_what_is_left_was_read_is_still_known(
    c1: str, patient: httpx.Client, doctor: httpx.Client, later: Later
) -> None:
    first, second, third = (send(patient, c1, text) for text in "123")
    for message in (first, second, third):
        marked(doctor, c1, "read", message["seq"])
    before = answered(patient.get(f"{API}/messages/{third['id']}"))
    for message in (first, second):
        answered(patient.delete(f"{API}/messages/{message['id']}"))
    later(days=91)
    assert removed() == (2, 0)
    assert set(WatermarkMove.objects.values_list("seq", flat=True)) == {third["seq"]}
    assert answered(patient.get(f"{API}/messages/{third['id']}")) == before
    nothing_is_wrong()


# ---- Events ----------------------------------------------------------------------------------------------------------


def test_what_a_room_was_called_goes_from_its_log_and_the_number_stays(
    server: Server, teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client, later: Later
) -> None:
    room = room_of(teacher, student)
    answered(as_teacher.patch(f"{API}/conversations/{room}", json={"name": "Another"}))
    later(days=364)
    assert removed("messaging.events") == (0, 0)
    later(days=366)
    assert removed("messaging.events") == (1, 0)
    assert Event.objects.get(stream=UUID(room)).body is None
    [event] = events_of(as_student, room)
    assert (event["seq"], event["event"], event["data"]) == (1, "conversation:updated", {"contentError": "removed"})
    with connect(server, student.token) as client:
        epoch = client.hello["epoch"]
    with connect(server, student.token, resume={"epoch": epoch, "cursors": {room: 0}}) as client:
        assert client.next_event()["data"] == {"contentError": "removed"}
    assert answered(as_student.get(f"{API}/conversations/{room}"))["name"] == "Another"


# ---- Deleted conversations -------------------------------------------------------------------------------------------


def test_a_deleted_conversation_goes_when_nothing_is_left_in_it(
    teacher: Person, student: Person, as_teacher: httpx.Client, later: Later
) -> None:
    room = room_of(teacher, student)
    answered(as_teacher.patch(f"{API}/conversations/{room}", json={"name": "Another"}))
    send(as_teacher, room)
    assert as_teacher.delete(f"{API}/conversations/{room}").status_code == 204
    later(days=91)
    assert removed("messaging.deleted_conversations") == (0, 0)
    later(days=366)
    assert removed() == (1, 0)
    assert removed("messaging.deleted_conversations") == (1, 0)
    assert not Conversation.objects.filter(pk=UUID(room)).exists()
    assert not Event.objects.filter(stream=UUID(room)).exists()
    refused(as_teacher.get(f"{API}/conversations/{room}"), 404, "not_found")
    nothing_is_wrong()


# ---- Interrupted -----------------------------------------------------------------------------------------------------


def test_a_run_that_is_interrupted_is_finished_by_the_next(
    pat1: Person, c1: str, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(pat1, c1, 25, now())
    later(days=SEVEN_YEARS + 1)
    monkeypatch.setattr(removal, "BATCH", 10)
    expected = dry_run()["messaging.messages"]
    take = removal.remove
    calls: list[int] = []

    def dies(*args: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            take(*args)  # type: ignore[arg-type]  # as it was called
            raise KeyboardInterrupt
        return take(*args)  # type: ignore[arg-type]  # as above

    with monkeypatch.context() as broken:
        broken.setattr(removal, "remove", dies)
        with pytest.raises(KeyboardInterrupt):
            apply()
    assert count_messages(c1) == 15
    removal._reached.clear()  # another process
    assert apply()["messaging.messages"] == expected == (25, 0)
    assert count_messages(c1) == 0
    assert RemovedMessage.objects.count() == 25


def test_a_run_that_is_killed_is_finished_by_the_next(pat1: Person, c1: str) -> None:
    """T155: kill -9 in the middle; what was counted is gone, and nothing is counted twice."""
    fill(pat1, c1, 4000, now() - timedelta(days=SEVEN_YEARS + 1))
    command = [sys.executable, "manage.py", "apply_retention", "--rule", "messaging.messages"]
    run = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while not RemovedMessage.objects.exists():
            assert time.monotonic() < deadline
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        run.kill()
        run.wait(10)
    left = count_messages(c1)
    assert 0 < left < 4000
    assert RunCount.objects.get().rows == RemovedMessage.objects.count() == 4000 - left
    assert apply("--rule", "messaging.messages")["messaging.messages"] == (4000, 0)
    assert (count_messages(c1), RemovedMessage.objects.count()) == (0, 4000)
    assert Run.objects.get().state == "done"
    assert list(check_removed()) == []


def test_windows_and_slices_miss_nothing(
    pat1: Person, c1: str, c2: str, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is walked through in windows smaller than what is to go, and what stays lies between."""
    monkeypatch.setattr(removal, "WINDOW", 7)
    monkeypatch.setattr(removal, "BATCH", 3)
    long_ago = now() - timedelta(days=SEVEN_YEARS + 1)
    for count in (5, 9, 1):
        fill(pat1, c1, count, long_ago)
        fill(pat1, c1, 4, now())
    assert removed() == (15, 0)
    assert count_messages(c1) == 12


# ---- What an auditor sees --------------------------------------------------------------------------------------------


def test_a_message_that_was_taken_away_cannot_be_passed_off_as_removed(
    c1: str, patient: httpx.Client, later: Later, tamper: Callable[..., int]
) -> None:
    """Somebody with the database deletes a message and writes that retention did."""
    gone, taken = send(patient, c1), send(patient, c1)
    answered(patient.delete(f"{API}/messages/{gone['id']}"))
    later(days=91)
    removed()
    assert verify().problems == []
    row = Message.objects.get(id=taken["id"])
    tamper("DELETE FROM messaging_message WHERE id = %s", [stored_id(taken["id"])])
    assert [taken["id"] in problem.what for problem in check_bodies()] == [True]
    batch = RemovedMessage.objects.get().batch
    for place in (batch, uuid4()):
        RemovedMessage.objects.create(
            id=row.id, batch=place, conversation_id=row.conversation_id, seq=row.seq, sender_id=row.sender_id
        )
        assert list(check_bodies()) == []
        [problem] = check_removed()
        assert str(place) in problem.what
        RemovedMessage.objects.filter(id=row.id).delete()


def test_one_that_is_put_back_is_found_out(c1: str, patient: httpx.Client, later: Later) -> None:
    message = send(patient, c1)
    row = Message.objects.get(id=message["id"])
    later(days=SEVEN_YEARS + 1)
    removed()
    row.save(force_insert=True)
    [problem] = check_bodies()
    assert "stored again" in problem.what
    assert message["id"] in problem.what


def stored_id(id_: str) -> str:
    """As the database writes it."""
    return UUID(id_).hex if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") else id_
