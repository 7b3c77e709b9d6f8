"""How far a message has got: its status and times as its sender sees them, and everybody's receipts for it."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from accounts import services as accounts
from core.actor import SYSTEM
from core.time import now, wire_time
from messaging import services
from messaging.models import Membership, WatermarkMove
from tests.live import Server
from tests.messaging.marks import got, marked, moves, receipts_of, statuses
from tests.messaging.rooms import add, join, leave, open_direct, remove, room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"


@pytest.mark.core
def test_each_move_of_a_watermark_is_kept(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    say(pat1, c1, "1", "2", "3", "4")
    with client_for(doc1, server) as client, connect(server, doc1.token) as socket:
        marked(client, c1, "delivered", 2)
        marked(client, c1, "delivered", 1)
        socket.ask("message:read", {"conversationId": c1, "seq": 1})
        socket.ask("message:read", {"conversationId": c1, "seq": 3})
        marked(client, c1, "read", 3)
        assert answered(client.patch(f"{API}/messages/{say(pat1, c1, '5')[0]['id']}/read"))["readSeq"] == 5
    expected = [("delivered", 2), ("read", 1), ("delivered", 3), ("read", 3), ("delivered", 5), ("read", 5)]
    assert moves(doc1, c1) == expected
    assert moves(pat1, c1) == []


@pytest.mark.core
def test_a_refused_mark_is_kept_nowhere(pat1: Person, doc1: Person, doctor: httpx.Client, c1: str) -> None:
    say(pat1, c1, "1")
    for seq in (0, 2):
        refused(doctor.put(f"{API}/conversations/{c1}/read", json={"seq": seq}), 400, "seq_out_of_range")
    assert not WatermarkMove.objects.exists()


@pytest.mark.core
def test_in_rooms_no_move_is_kept_and_no_time_told(server: Server, doc1: Person, doc2: Person) -> None:
    room = room_of(doc1, doc2)
    with client_for(doc1, server) as sender, client_for(doc2, server) as reader:
        message = send(sender, room)
        marked(reader, room, "read", message["seq"])
        assert got(sender, message) == ("read", None, None)
        [receipt] = receipts_of(sender, message)
    assert receipt == {"userId": str(doc2.id), "deliveredSeq": message["seq"], "readSeq": message["seq"]}
    assert not WatermarkMove.objects.exists()


@pytest.mark.core
@pytest.mark.parametrize("kind", ["clinical", "direct"])
def test_the_sender_sees_when_a_message_arrived_and_was_read(
    server: Server, doc1: Person, doc2: Person, pat1: Person, c1: str, kind: str
) -> None:
    place, other = (c1, pat1) if kind == "clinical" else (open_direct(doc1, doc2), doc2)
    with client_for(doc1, server) as sender, client_for(other, server) as reader:
        first, second = send(sender, place, "1"), send(sender, place, "2")
        assert got(sender, first) == ("sent", None, None)
        arrived = marked(reader, place, "delivered", 1)["deliveredAt"]
        assert got(sender, first) == ("delivered", arrived, None)
        assert got(sender, second) == ("sent", None, None)
        read = marked(reader, place, "read", 2)["readAt"]
        marked(reader, place, "read", send(sender, place, "3")["seq"])
        assert got(sender, first) == ("read", arrived, read), "later moves change nothing"
        assert got(sender, second) == ("read", read, read)
        [receipt] = receipts_of(sender, first)
        assert receipt["userId"] == str(other.id)
        assert (receipt["deliveredSeq"], receipt["readSeq"]) == (3, 3)
        assert (receipt["deliveredAt"], receipt["readAt"]) == (arrived, read)


@pytest.mark.core
def test_only_the_sender_sees_it_and_events_never_tell(
    server: Server, patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    with connect(server, pat1.token) as socket:
        message = send(patient, c1)
        live = socket.next_event("message:new")["data"]
        marked(doctor, c1, "read", 1)
        replayed = answered(patient.get(f"{API}/conversations/{c1}/events"))["results"][0]["data"]
    assert got(doctor, message) == ("sent", None, None)
    for event in (live, replayed):
        assert event["status"] == "sent"
        assert not event.keys() & {"deliveredAt", "readAt"}
    repeat = answered(
        patient.post(f"{API}/conversations/{c1}/messages", json={"content": "x", "clientMessageId": "a"}), 201
    )
    marked(doctor, c1, "read", 2)
    again = answered(patient.post(f"{API}/conversations/{c1}/messages", json={"content": "x", "clientMessageId": "a"}))
    assert (repeat["status"], again["status"]) == ("sent", "read")
    assert again["readAt"] == got(patient, repeat)[2]


@pytest.mark.core
def test_a_page_has_the_first_move_for_each_of_its_messages(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person, c1: str
) -> None:
    """Checked against a plain walk through everything that was kept."""
    sent = say(pat1, c1, *[str(n) for n in range(30)])
    for seq in (2, 3, 7, 8, 15, 22):
        marked(doctor, c1, "delivered", seq)
    for seq in (1, 7, 20):
        marked(doctor, c1, "read", seq)
    kept = list(WatermarkMove.objects.filter(membership__user=doc1.id).order_by("id"))

    def first(watermark: str, message: Json) -> str | None:
        reached = (m for m in kept if m.watermark == watermark and m.seq >= message["seq"])
        return next((wire_time(move.at) for move in reached), None)

    found = page(patient, c1)["results"]
    assert [(m.get("deliveredAt"), m.get("readAt")) for m in found] == [
        (first("delivered", message), first("read", message)) for message in sent
    ]
    assert [message["status"] for message in found] == ["read"] * 20 + ["delivered"] * 2 + ["sent"] * 8


@pytest.mark.core
def test_of_two_devices_the_further_one_counts(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    with (
        client_for(pat1, server) as sender,
        connect(server, doc1.token) as telephone,
        connect(server, doc1.token) as desk,
    ):
        message = send(sender, c1)
        arrived = telephone.ask("message:delivered", {"conversationId": c1, "seq": 1})["deliveredAt"]
        assert desk.ask("message:delivered", {"conversationId": c1, "seq": 1})["deliveredAt"] == arrived
        read = desk.ask("message:read", {"conversationId": c1, "seq": 1})["readAt"]
        assert telephone.ask("message:read", {"conversationId": c1, "seq": 1})["readAt"] == read
        assert got(sender, message) == ("read", arrived, read)
    assert moves(doc1, c1) == [("delivered", 1), ("read", 1)]


@pytest.mark.core
def test_the_last_of_those_it_waits_for_decides(
    server: Server, doctor: httpx.Client, doc1: Person, doc2: Person, pat1: Person, c1: str
) -> None:
    """A colleague covers; the provider's message waits for both of them."""
    until = wire_time(now() + timedelta(hours=1))
    before = send(doctor, c1, "before the cover")
    answered(add(doctor, c1, doc2, until=until), 201)
    message = send(doctor, c1, "for both")
    with client_for(pat1, server) as patient, client_for(doc2, server) as cover:
        read = marked(patient, c1, "read", message["seq"])["readAt"]
        assert got(doctor, before) == ("read", read, read), "who came later is not waited for"
        assert got(doctor, message) == ("sent", None, None)
        arrived = marked(cover, c1, "delivered", message["seq"])["deliveredAt"]
        assert got(doctor, message) == ("delivered", arrived, None)
        last = marked(cover, c1, "read", message["seq"])["readAt"]
        assert got(doctor, message) == ("read", arrived, last)
        assert [one["userId"] for one in receipts_of(patient, message)] == [str(pat1.id), str(doc2.id)]
        assert [one["userId"] for one in receipts_of(patient, before)] == [str(pat1.id)]
        refused(cover.get(f"{API}/messages/{before['id']}/receipts"), 404, "not_found")
    assert remove(doctor, c1, doc2).status_code == 204
    assert got(doctor, message) == ("read", arrived, last), "what had happened has happened"
    assert [one["userId"] for one in receipts_of(doctor, message)] == [str(pat1.id)]


@pytest.mark.core
def test_whose_cover_is_over_holds_nothing_back(
    server: Server, doctor: httpx.Client, doc1: Person, doc2: Person, pat1: Person, c1: str
) -> None:
    answered(add(doctor, c1, doc2, until=wire_time(now() + timedelta(hours=1))), 201)
    message = send(doctor, c1)
    with client_for(pat1, server) as patient:
        read = marked(patient, c1, "read", message["seq"])["readAt"]
        assert got(doctor, message)[0] == "sent"
        Membership.objects.filter(user=doc2.user).update(until=now() - timedelta(seconds=1))
        assert got(doctor, message) == ("read", read, read), "whether a worker has written it down or not"


@pytest.mark.core
def test_in_a_room_who_leaves_is_removed_or_disabled_is_waited_for_no_longer(
    server: Server, as_teacher: httpx.Client, teacher: Person, student: Person, classmate: Person
) -> None:
    other, last = make_person("other", "student"), make_person("last", "student")
    room = room_of(teacher, student, classmate, other, last)
    message = send(as_teacher, room)
    with client_for(last, server) as client:
        marked(client, room, "read", 1)
    assert got(as_teacher, message)[0] == "sent"
    with client_for(student, server) as client:
        assert leave(client, room).status_code == 204
    assert got(as_teacher, message)[0] == "sent"
    assert remove(as_teacher, room, classmate).status_code == 204
    assert got(as_teacher, message)[0] == "sent"
    accounts.disable_user(actor=SYSTEM, user=other.user)
    assert got(as_teacher, message)[0] == "read"
    assert {one["userId"] for one in receipts_of(as_teacher, message)} == {str(other.id), str(last.id)}


@pytest.mark.core
def test_in_a_direct_conversation_with_a_disabled_person_nothing_arrives(
    server: Server, doctor: httpx.Client, doc1: Person, doc2: Person
) -> None:
    place = open_direct(doc1, doc2)
    first = send(doctor, place, "1")
    with client_for(doc2, server) as client:
        read = marked(client, place, "read", 1)["readAt"]
    second = send(doctor, place, "2")
    accounts.disable_user(actor=SYSTEM, user=doc2.user)
    assert got(doctor, first) == ("read", read, read)
    assert got(doctor, second) == ("sent", None, None), "somebody must have got it"


@pytest.mark.core
@pytest.mark.parametrize("history", ["all", "since_joining"])
def test_a_newcomer_has_nothing_to_do_with_what_was_before(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, classmate: Person, history: str
) -> None:
    """Their watermark starts at the join, also where they may read from the beginning: that is no reading."""
    room = room_of(teacher, classmate, kind="public", history=history)
    before = send(as_teacher, room, "before")
    answered(join(as_student, room))
    assert got(as_teacher, before)[0] == "sent"
    with client_for(classmate, server) as client:
        marked(client, room, "delivered", 1)
        assert got(as_teacher, before)[0] == "delivered"
        after = send(as_teacher, room, "after")
        marked(client, room, "read", after["seq"])
    assert statuses(as_teacher, room) == ["read", "sent"]
    marked(as_student, room, "delivered", after["seq"])
    assert statuses(as_teacher, room) == ["read", "delivered"]
    marked(as_student, room, "read", after["seq"])
    assert statuses(as_teacher, room) == ["read", "read"]
    assert [one["userId"] for one in receipts_of(as_teacher, before)] == [str(classmate.id)]


@pytest.mark.core
def test_who_comes_back_has_not_read_what_they_left_behind(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, classmate: Person
) -> None:
    room = room_of(teacher, classmate, kind="public", history="all")
    answered(join(as_student, room))
    unread = send(as_teacher, room, "unread when they left")
    assert leave(as_student, room).status_code == 204
    between = send(as_teacher, room, "while they were away")
    answered(join(as_student, room))
    marked(as_student, room, "read", head_of(room))
    assert statuses(as_teacher, room) == ["sent", "sent"]
    with client_for(classmate, server) as client:
        marked(client, room, "read", between["seq"])
    assert statuses(as_teacher, room) == ["read", "read"]
    for message in (unread, between):
        assert [one["userId"] for one in receipts_of(as_teacher, message)] == [str(classmate.id)]


def test_the_owner_who_came_back_still_sees_how_far_their_messages_got(
    as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher, student, kind="public", history="all")
    message = send(as_student, room)
    assert leave(as_student, room).status_code == 204
    answered(join(as_student, room))
    assert got(as_student, message)[0] == "sent", "their own second stay is not somebody else's"
    marked(as_teacher, room, "read", message["seq"])
    assert got(as_student, message)[0] == "read"


@pytest.mark.core
def test_system_messages_are_sent_to_everybody_and_no_more(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person, c1: str
) -> None:
    message = services.send_system_message(conversation_id=UUID(c1), content="The laboratory has answered.")
    for client in (patient, doctor):
        marked(client, c1, "read", 1)
    message["id"] = str(message["id"])
    for client in (patient, doctor):
        assert got(client, message) == ("sent", None, None)
        assert {one["userId"] for one in receipts_of(client, message)} == {str(pat1.id), str(doc1.id)}


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    problems = [
        refused(stranger.get(f"{API}/messages/{one}/receipts"), 404, "not_found") for one in (message["id"], RANDOM)
    ]
    assert same_but_for_the_request_id(*problems)


@pytest.mark.core
def test_what_was_before_ones_time_has_no_receipts(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person
) -> None:
    room = room_of(teacher)
    message = send(as_teacher, room)
    answered(add(as_teacher, room, student), 201)
    refused(as_student.get(f"{API}/messages/{message['id']}/receipts"), 404, "not_found")
    assert receipts_of(as_teacher, message) == []
