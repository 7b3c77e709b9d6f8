"""How much is unread, and how often somebody is mentioned in it: counted, never stored."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from core.time import now
from messaging import services
from messaging.models import Conversation, Membership, Message
from tests.live import Server
from tests.messaging.marks import counts, marked, unread
from tests.messaging.rooms import add, join, leave, open_direct, remove, room_of, stay_of
from tests.messaging.talking import API, answered, head_of, say, send
from tests.people import Person, client_for


@pytest.mark.core
def test_what_others_said_above_the_watermark_is_unread(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    assert (counts(doctor, c1), unread(doctor)) == ((0, 0), (0, 0, 0))
    say(pat1, c1, "1", "2")
    send(doctor, c1, "an answer")
    say(pat1, c1, "3")
    assert (counts(doctor, c1), counts(patient, c1)) == ((3, 0), (1, 0))
    marked(doctor, c1, "delivered", 4)
    assert counts(doctor, c1) == (3, 0), "what has arrived has not been read"
    marked(doctor, c1, "read", 2)
    assert (counts(doctor, c1), unread(doctor)) == ((1, 0), (1, 1, 0))
    marked(doctor, c1, "read", 4)
    assert (counts(doctor, c1), unread(doctor)) == ((0, 0), (0, 0, 0))


@pytest.mark.core
def test_the_total_is_that_of_all_conversations(
    server: Server, doc1: Person, doc2: Person, pat1: Person, c1: str
) -> None:
    direct, room, quiet = open_direct(doc1, doc2), room_of(doc2, doc1), room_of(doc2, doc1)
    say(pat1, c1, "1", "2")
    say(doc2, direct, "1")
    say(doc2, room, "@doc1", "2", "@all")
    say(doc1, quiet, "my own")
    with client_for(doc1, server) as client:
        assert unread(client) == (6, 3, 2)
        each = [counts(client, one) for one in (c1, direct, room, quiet)]
        assert each == [(2, 0), (1, 0), (3, 2), (0, 0)]


@pytest.mark.core
def test_system_messages_count(doctor: httpx.Client, c1: str) -> None:
    services.send_system_message(conversation_id=UUID(c1), content="@doc1 The laboratory has answered.")
    assert counts(doctor, c1) == (1, 0), "and mention nobody"


@pytest.mark.core
def test_what_is_deleted_or_has_expired_does_not_count(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    deleted, expiring = send(as_teacher, room, "@student one"), send(as_teacher, room, "@all two", expiresInSeconds=60)
    named = send(as_teacher, room, "@student three", expiresInSeconds=60)
    assert counts(as_student, room) == (3, 3)
    answered(as_teacher.delete(f"{API}/messages/{deleted['id']}"))
    assert counts(as_student, room) == (2, 2)
    for message in (expiring, named):
        Message.objects.filter(id=message["id"]).update(expires_at=now() - timedelta(seconds=1))
    assert counts(as_student, room) == (0, 0), "whether a worker has made a tombstone of it or not"
    assert unread(as_student) == (0, 0, 0)


@pytest.mark.core
def test_a_mention_counts_once_and_only_those_of_others(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    send(as_teacher, room, "@student and @all and @student again")
    send(as_teacher, room, "chosen, not named", mentions=[str(student.id)])
    send(as_student, room, "@student @teacher @all")
    send(as_teacher, room, "nobody")
    assert counts(as_student, room) == (3, 2)
    assert counts(as_teacher, room) == (1, 1)
    marked(as_student, room, "read", 1)
    assert counts(as_student, room) == (2, 1)


def test_an_edit_that_names_somebody_counts_and_one_that_does_not_any_more_does_not(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    message = send(as_teacher, room, "nobody")
    for content, mentions in (("@student", 1), ("@all", 1), ("nobody", 0)):
        answered(as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": content}))
        assert counts(as_student, room) == (1, mentions)


@pytest.mark.core
@pytest.mark.parametrize("history", ["all", "since_joining"])
def test_a_newcomer_has_nothing_unread(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, history: str
) -> None:
    room = room_of(teacher, kind="public", history=history)
    say(teacher, room, "@student before", "@all before")
    answered(join(as_student, room))
    assert (counts(as_student, room), unread(as_student)) == ((0, 0), (0, 0, 0))
    say(teacher, room, "after", "@all after")
    assert counts(as_student, room) == (2, 1)
    Conversation.objects.update(history="all")
    assert counts(as_student, room) == (2, 1)


@pytest.mark.core
def test_who_comes_back_has_nothing_unread_of_before(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public", history="all")
    say(teacher, room, "@student unread", "@all unread")
    assert leave(as_student, room).status_code == 204
    assert unread(as_student) == (0, 0, 0)
    say(teacher, room, "@all while they were away")
    answered(join(as_student, room))
    assert counts(as_student, room) == (0, 0)
    say(teacher, room, "@student")
    assert counts(as_student, room) == (1, 1)


@pytest.mark.core
def test_what_is_over_is_in_no_total(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    """T045."""
    removed, deleted, covered = (room_of(teacher, student) for _ in range(3))
    for room in (removed, deleted, covered):
        say(teacher, room, "@student")
    assert unread(as_student) == (3, 3, 3)
    assert remove(as_teacher, removed, student).status_code == 204
    assert unread(as_student) == (2, 2, 2)
    assert as_teacher.delete(f"{API}/conversations/{deleted}").status_code == 204
    assert unread(as_student) == (1, 1, 1)
    Membership.objects.filter(id=stay_of(student, covered).id).update(until=now() - timedelta(seconds=1))
    assert unread(as_student) == (0, 0, 0)


def test_a_thousand_is_as_far_as_anybody_counts(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student)
    [first] = say(teacher, room, "@all")
    row = Message.objects.get(id=first["id"])
    many = [
        Message(conversation_id=row.conversation_id, seq=seq, sender=row.sender, body=row.body, mentions_all=True)
        for seq in range(2, 1101)
    ]
    Message.objects.bulk_create(many)
    assert (counts(as_student, room), unread(as_student)) == ((1000, 1000), (1000, 1, 1000))
    other = room_of(teacher, student)
    say(teacher, other, "one more")
    assert unread(as_student) == (1001, 2, 1000)


def test_who_is_added_counts_from_there(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    room = room_of(teacher, student)
    say(teacher, room, "1", "2", "3")
    answered(add(as_teacher, room, classmate), 201)
    say(teacher, room, "4")
    with client_for(student, server) as old, client_for(classmate, server) as new:
        assert (counts(old, room), counts(new, room)) == ((4, 0), (1, 0))
        marked(old, room, "read", head_of(room))
        assert (counts(old, room), counts(new, room)) == ((0, 0), (1, 0))
