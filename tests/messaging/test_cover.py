"""Cover: colleagues in a clinical conversation, until a date, and the patient knows."""

from datetime import timedelta, timezone
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import transaction

from core.jobs import jobs
from core.time import now, wire_time
from messaging.models import Membership
from messaging.querysets import begun_since, people_sharing_with, visible_streams
from messaging.services.cover import end_due_stays
from tests.live import Server
from tests.messaging.rooms import add, change, leave, members, remove, role_of, room_of, stay_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    entry_details,
    head_of,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"


def soon(**more: float) -> str:
    return wire_time(now() + timedelta(**more or {"days": 3}))


def let_it_end(person: Person, conversation: str) -> None:
    """The end of their cover has come."""
    Membership.objects.filter(user=person.user, conversation=UUID(conversation)).update(
        until=now() - timedelta(seconds=1)
    )


@pytest.fixture
def covered(doctor: httpx.Client, c1: str, doc2: Person) -> str:
    """c1 of pat1 and doc1, with "before" in it, and covered by doc2 from there on."""
    send(doctor, c1, "before")
    answered(add(doctor, c1, doc2, until=soon()), 201)
    return c1


@pytest.mark.core
def test_the_patient_is_told_who_covers_and_until_when(
    server: Server, doctor: httpx.Client, patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person, c1: str
) -> None:
    pat1.user.time_zone = "Europe/Berlin"
    pat1.user.save(update_fields=["time_zone"])
    send(doctor, c1, "before")
    until = (now() + timedelta(days=3)).replace(microsecond=0)
    with connect(server, pat1.token) as socket, connect(server, doc2.token) as colleague:
        [stay] = answered(add(doctor, c1, doc2, until=wire_time(until)), 201)["results"]
        assert (stay["userId"], stay["role"], stay["until"]) == (str(doc2.id), "member", wire_time(until))
        assert (joined := socket.next_event("member:joined"))["seq"] == 2
        assert joined["data"] == stay
        told = socket.next_event("message:new")
        assert (told["seq"], told["data"]["type"]) == (3, "system")
        assert colleague.next_event("conversation:added")["data"] == {"conversationId": c1}
        assert colleague.next_event("member:joined")["seq"] == 2
        assert colleague.next_event("message:new")["data"]["content"] == told["data"]["content"]
        colleague.nothing_arrives(0.1)
    text = told["data"]["content"]
    assert text.startswith("Dr. Ines Berg covers for Dr. Iris Berg until ")
    assert "(Europe/Berlin)" in text
    assert contents(page(patient, c1)["results"]) == ["before", text]
    [entry] = entries("cover.arranged", doc1)
    assert entry_details(entry)["users"] == [str(doc2.id)]
    assert len(entries("member.added", doc1)) == 1


@pytest.mark.core
def test_who_covers_reads_and_writes_from_then_on(
    server: Server, covered: str, patient: httpx.Client, doc2: Person
) -> None:
    with client_for(doc2, server) as colleague:
        assert "before" not in contents(page(colleague, covered)["results"])
        send(colleague, covered, "I am here for Dr. Berg.")
        send(patient, covered, "Thank you.")
        assert contents(page(colleague, covered)["results"])[1:] == ["I am here for Dr. Berg.", "Thank you."]
    assert len(members(patient, covered)) == 3


def test_and_from_the_beginning_where_the_provider_says_so(
    server: Server, covered: str, doctor: httpx.Client, doc2: Person
) -> None:
    answered(doctor.patch(f"{API}/conversations/{covered}", json={"history": "all"}))
    with client_for(doc2, server) as colleague:
        assert contents(page(colleague, covered)["results"])[0] == "before"


@pytest.mark.core
def test_after_the_end_it_is_over_though_no_worker_runs(
    server: Server, covered: str, doctor: httpx.Client, patient: httpx.Client, pat1: Person, doc2: Person
) -> None:
    """Wherever a present stay is read."""
    message = send(doctor, covered, "not for long")
    let_it_end(doc2, covered)
    with client_for(doc2, server) as colleague:
        for one, other in zip(
            _asked(colleague, covered, message["id"]), _asked(colleague, RANDOM, RANDOM), strict=True
        ):
            assert same_but_for_the_request_id(refused(one, 404, "not_found"), refused(other, 404, "not_found"))
        assert answered(colleague.get(f"{API}/conversations"))["results"] == []
        assert answered(colleague.get(f"{API}/conversations/unread-count"))["total"] == 0
    assert [m["userId"] for m in members(patient, covered)] == [m["userId"] for m in members(doctor, covered)]
    assert str(doc2.id) not in str(members(patient, covered))
    assert answered(patient.get(f"{API}/conversations/{covered}"))["memberCount"] == 2
    assert visible_streams(doc2.id) == {}
    assert not people_sharing_with(doc2.id).exists()
    assert doc2.id not in people_sharing_with(pat1.id).values_list("user_id", flat=True)
    assert doc2.id not in {begun.user_id for begun in begun_since(now() - timedelta(hours=1))}
    with connect(server, doc2.token) as socket:
        for event, data in _events(covered, message["id"]).items():
            assert socket.ask_raw(event, data)["error"]["code"] == "not_found", event
        send(doctor, covered, "nobody covers")
        socket.nothing_arrives(0.1)


def _events(conversation: str, message: str) -> dict[str, Json]:
    """What a client may say about a conversation over a socket."""
    here, there = {"conversationId": conversation}, {"messageId": message}
    return {
        "conversation:join": here,
        "conversation:join-multiple": {"conversationIds": [conversation]},
        "conversation:active-members": here,
        "conversation:leave": here,
        "conversation:events": here | {"after": 0},
        "conversation:messages": here,
        "message:new": here | {"content": "x"},
        "message:read": here | {"seq": 1},
        "message:delivered": here | {"seq": 1},
        "typing": here | {"isTyping": True},
        "message:edit": there | {"content": "x"},
        "message:delete": there,
        "reaction:new": there | {"emoji": "👍"},
        "reaction:remove": there | {"emoji": "👍"},
    }


def _asked(client: httpx.Client, conversation: str, message: str) -> list[httpx.Response]:
    place = f"{API}/conversations/{conversation}"
    return [
        client.get(place),
        client.get(f"{place}/messages"),
        client.get(f"{place}/events"),
        client.get(f"{place}/members"),
        client.get(f"{place}/receipts"),
        client.put(f"{place}/read", json={"seq": 1}),
        client.get(f"{API}/messages/{message}"),
        post(client, conversation),
        leave(client, conversation),
    ]


@pytest.mark.core
def test_the_end_is_written_down_as_an_event(
    server: Server, covered: str, doctor: httpx.Client, doc2: Person, pat1: Person
) -> None:
    head = head_of(covered)
    end_due_stays()
    assert head_of(covered) == head
    with connect(server, doc2.token) as colleague, connect(server, pat1.token) as socket:
        with transaction.atomic():
            # Before any process sees that it has come.
            let_it_end(doc2, covered)
            end_due_stays()
        end_due_stays()
        for one in (colleague, socket):
            event = one.next_event("member:left")
            assert (event["seq"], event["data"]) == (head + 1, {"userId": str(doc2.id), "reason": "left"})
        assert colleague.next_event("conversation:removed")["data"] == {"conversationId": covered}
        send(doctor, covered, "just the two of us")
        assert socket.next_event("message:new")["seq"] == head + 2
        colleague.nothing_arrives(0.1)
    assert stay_of(doc2, covered).left_seq == head + 1
    assert [entry.object for entry in entries("member.left")] == [doc2.id]


@pytest.mark.no_database
def test_a_job_does_that_every_ten_seconds() -> None:
    job = jobs["messaging.end_stays"]
    assert (job.run, job.every) == (end_due_stays, timedelta(seconds=10))


def test_covering_again_before_and_after_the_end_was_written_down(
    server: Server, covered: str, doctor: httpx.Client, doc2: Person
) -> None:
    let_it_end(doc2, covered)
    answered(add(doctor, covered, doc2, until=soon()), 201)
    assert Membership.objects.filter(user=doc2.user, conversation=UUID(covered)).count() == 2
    with client_for(doc2, server) as colleague:
        assert len(page(colleague, covered)["results"]) == 1
        send(colleague, covered, "Back again.")


def test_a_later_end_takes_the_place_of_the_earlier(
    server: Server, covered: str, doctor: httpx.Client, patient: httpx.Client, doc2: Person, pat1: Person
) -> None:
    later = (now() + timedelta(days=10)).replace(microsecond=0)
    with connect(server, pat1.token) as socket:
        [stay] = answered(add(doctor, covered, doc2, until=wire_time(later)))["results"]
        assert socket.next_event("member:updated")["data"] == stay
        assert socket.next_event("message:new")["data"]["type"] == "system"
    assert stay["until"] == wire_time(later)
    assert stay_of(doc2, covered).until == later
    assert len([m for m in page(patient, covered)["results"] if m["type"] == "system"]) == 2


@pytest.mark.core
@pytest.mark.parametrize("change", ["from the beginning", "brought forward", "put off"])
def test_open_sockets_end_when_it_comes(
    server: Server, c1: str, doctor: httpx.Client, patient: httpx.Client, doc2: Person, change: str
) -> None:
    """Not when somebody has written it down, and not before: also where the end was changed meanwhile."""
    first, then = {"from the beginning": (2, 2), "brought forward": (60, 2), "put off": (2, 4)}[change]
    with connect(server, doc2.token) as colleague:
        answered(add(doctor, c1, doc2, until=soon(seconds=first)), 201)
        if first != then:
            answered(add(doctor, c1, doc2, until=soon(seconds=then)))
        while (frame := colleague.next_event())["event"] != "conversation:removed":
            assert frame["event"] != "member:left"
        until = stay_of(doc2, c1).until
        assert until is not None
        assert until <= now()
        send(patient, c1, "nobody covers")
        colleague.nothing_arrives(0.1)
    assert stay_of(doc2, c1).left_seq is None


@pytest.mark.core
def test_open_sockets_end_too_though_nobody_ends_the_stay(
    server: Server, covered: str, doctor: httpx.Client, doc2: Person
) -> None:
    """Without a worker: every process looks for ends that have come."""
    with connect(server, doc2.token) as colleague:
        let_it_end(doc2, covered)
        assert colleague.next_event("conversation:removed")["data"] == {"conversationId": covered}
        send(doctor, covered, "not for you")
        colleague.nothing_arrives()
        answered(add(doctor, covered, doc2, until=soon()), 201)
        assert colleague.next_event("conversation:added")["data"] == {"conversationId": covered}
        send(doctor, covered, "for you again")
        told = [colleague.next_event("message:new")["data"] for _ in range(2)]
        assert [(message["type"], message["content"] == "for you again") for message in told] == [
            ("system", False),
            ("text", True),
        ]


def test_who_covers_can_leave_and_be_sent_away(
    server: Server, covered: str, doctor: httpx.Client, doc2: Person
) -> None:
    with client_for(doc2, server) as colleague:
        assert leave(colleague, covered).status_code == 204
        answered(add(doctor, covered, doc2, until=soon()), 201)
        assert remove(doctor, covered, doc2).status_code == 204
        refused(page_of(colleague, covered), 404, "not_found")
    assert role_of(doc2, covered) is None


def page_of(client: httpx.Client, conversation: str) -> httpx.Response:
    return client.get(f"{API}/conversations/{conversation}/messages")


@pytest.mark.core
def test_the_two_it_is_about_stay(
    server: Server, covered: str, doctor: httpx.Client, patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person
) -> None:
    with client_for(doc2, server) as colleague:
        for client in (doctor, patient, colleague):
            for person in (pat1, doc1):
                refused(remove(client, covered, person), 403, "forbidden")
                refused(change(client, covered, person, isBlocked=True), 403, "forbidden")
                refused(change(client, covered, person, isMuted=True), 403, "forbidden")
        refused(remove(patient, covered, doc2), 403, "forbidden")
    for client in (doctor, patient):
        refused(leave(client, covered), 403, "forbidden")
    assert (role_of(pat1, covered), role_of(doc1, covered), role_of(doc2, covered)) == ("member", "owner", "member")


@pytest.mark.parametrize(
    ("until", "code"),
    [(None, "required"), (timedelta(seconds=-1), "invalid"), (timedelta(days=91), "invalid"), ("soon", "invalid")],
    ids=str,
)
def test_cover_ends_within_ninety_days(
    doctor: httpx.Client, c1: str, doc2: Person, until: timedelta | str | None, code: str
) -> None:
    end = wire_time(now() + until) if isinstance(until, timedelta) else until
    problem = refused(add(doctor, c1, doc2, **({} if end is None else {"until": end})), 400, "invalid")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("until", code)]
    assert (head_of(c1), role_of(doc2, c1)) == (0, None)


def test_the_end_says_by_which_clock(doctor: httpx.Client, c1: str, doc2: Person) -> None:
    """Else a provider's local time would be taken for another, and the patient told so."""
    at = (now() + timedelta(days=3)).replace(microsecond=0)
    for vague in (
        at.date().isoformat(),
        f"{at:%Y-%m-%dT%H:%M:%S}",
        f"{at:%Y-%m-%d %H:%M:%S}Z",
        f"{at:%Y-%m-%dT%H:%M}Z",
    ):
        refused(add(doctor, c1, doc2, until=vague), 400, "invalid")
    local = at.astimezone(timezone(timedelta(hours=2)))
    [stay] = answered(add(doctor, c1, doc2, until=local.isoformat()), 201)["results"]
    assert stay["until"] == wire_time(at)


def test_only_providers_cover(doctor: httpx.Client, c1: str, pat1: Person, pat2: Person, doc1: Person) -> None:
    staff = make_person("staff", "staff")
    for person in (staff, pat1, pat2, doc1):
        problem = refused(add(doctor, c1, person, until=soon()), 400, "invalid")
        assert [error["field"] for error in problem["errors"]] == ["userIds"]
    refused(add(doctor, c1, RANDOM, until=soon()), 404, "not_found")
    refused(add(doctor, c1, "x", until=soon()), 400, "invalid")
    assert (head_of(c1), Membership.objects.filter(conversation=UUID(c1)).count()) == (0, 2)


def test_only_the_provider_arranges_it(
    server: Server, covered: str, patient: httpx.Client, stranger: httpx.Client, doc2: Person
) -> None:
    third = make_person("doc3", "provider")
    head = head_of(covered)
    refused(add(patient, covered, third, until=soon()), 403, "forbidden")
    with client_for(doc2, server) as colleague:
        refused(add(colleague, covered, third, until=soon()), 403, "forbidden")
    refused(add(stranger, covered, third, until=soon()), 404, "not_found")
    assert (head_of(covered), role_of(third, covered)) == (head, None)


def test_who_covers_is_a_plain_member(doctor: httpx.Client, c1: str, doc2: Person) -> None:
    for role in ("owner", "moderator"):
        refused(add(doctor, c1, doc2, until=soon(), role=role), 400, "unknown_field")
    assert role_of(doc2, c1) is None


def test_rooms_are_not_covered(as_teacher: httpx.Client, teacher: Person, student: Person) -> None:
    room = room_of(teacher)
    refused(add(as_teacher, room, student, until=soon()), 400, "unknown_field")


def test_who_covers_holds_the_status_of_messages_back_while_they_cover(
    server: Server, covered: str, doctor: httpx.Client, patient: httpx.Client, doc2: Person
) -> None:
    message = send(doctor, covered, "read by whom?")
    answered(patient.put(f"{API}/conversations/{covered}/read", json={"seq": message["seq"]}))
    assert _status(doctor, message) == "sent"
    let_it_end(doc2, covered)
    assert _status(doctor, message) == "read"


def test_without_a_record_nobody_covers(
    doctor: httpx.Client, c1: str, doc2: Person, log_cannot_be_written: None
) -> None:
    refused(add(doctor, c1, doc2, until=soon()), 503, "audit_unavailable")
    assert (role_of(doc2, c1), head_of(c1)) == (None, 0)


def _status(client: httpx.Client, message: dict[str, Any]) -> str:
    found = answered(client.get(f"{API}/messages/{message['id']}"))
    return str(found["status"])
