"""Typing: shown to those who look, no more often than it helps, never for longer than it lasts, and stored nowhere."""

import os
import time
from contextlib import suppress
from types import SimpleNamespace

import httpx
import pytest
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from audit.models import Entry
from core.limits import Rate
from messaging.models import Membership
from realtime.models import Event
from tests.live import Server
from tests.messaging.talking import answered, open_room, refused, same_but_for_the_request_id, say
from tests.people import Person, client_for, make_person
from tests.processes import served
from tests.sockets import Client, Listening, Refusal, connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


class Clock:
    """The clock that typing goes by, which stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.moment = time.monotonic()

    def monotonic(self) -> float:
        return self.moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("realtime.typists.time", clock)
    monkeypatch.setattr("realtime.pulse.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def looking(server: Listening, person: Person, conversation_id: str) -> Client:
    """A connection that looks at the conversation."""
    client = connect(server, person.token)
    client.ask("conversation:join", {"conversationId": conversation_id})
    return client


def types(client: Client, conversation_id: str, is_typing: bool = True) -> None:
    assert client.ask("typing", {"conversationId": conversation_id, "isTyping": is_typing}) == {}


def shown(client: Client) -> tuple[str, bool]:
    """Whose typing the next event shows, and whether they type."""
    data = client.next_event("typing")["data"]
    assert data.keys() == {"conversationId", "userId", "isTyping"}
    return data["userId"], data["isTyping"]


def post(client: httpx.Client, conversation_id: str, is_typing: object = True) -> httpx.Response:
    return client.post(f"/api/v1/conversations/{conversation_id}/typing", json={"isTyping": is_typing})


def test_who_looks_sees_who_types(server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str) -> None:
    with looking(server, doc1, c1) as doctor, looking(server, pat1, c1) as patient:
        types(doctor, c1)
        told = {"event": "typing", "data": {"conversationId": c1, "userId": str(doc1.id), "isTyping": True}}
        assert patient.next_event() == told
        types(doctor, c1, False)
        assert shown(patient) == (str(doc1.id), False)
        patient.nothing_arrives()
        doctor.nothing_arrives(0.05)


def test_the_same_by_rest(server: Server, clock: Clock, pat1: Person, doctor: httpx.Client, c1: str) -> None:
    with looking(server, pat1, c1) as patient:
        assert answered(post(doctor, c1)) == {}
        assert shown(patient)[1] is True
        answered(post(doctor, c1, False))
        assert shown(patient)[1] is False


def test_who_does_not_look_sees_nothing_nor_does_the_typist(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str
) -> None:
    with (
        connect(server, pat1.token) as elsewhere,
        looking(server, pat1, c1) as here,
        looking(server, doc1, c1) as typist,
        looking(server, doc1, c1) as their_other,
    ):
        types(typist, c1)
        assert shown(here) == (str(doc1.id), True)
        elsewhere.nothing_arrives(0.1)
        typist.nothing_arrives(0.1)
        their_other.nothing_arrives(0.1)


def test_who_begins_to_look_is_shown_who_types_already(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str
) -> None:
    with connect(server, doc1.token) as doctor:
        types(doctor, c1)
        with looking(server, pat1, c1) as patient:
            assert shown(patient) == (str(doc1.id), True)


def test_who_looks_away_sees_nothing_more(server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str) -> None:
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        patient.ask("conversation:leave", {"conversationId": c1})
        types(doctor, c1)
        patient.nothing_arrives()


def test_it_fades_three_seconds_after_the_last_sign(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str
) -> None:
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        types(doctor, c1)
        assert shown(patient)[1] is True
        clock.moment += 2
        types(doctor, c1)
        clock.moment += 2.9
        assert shown(patient)[1] is True, "more than three seconds after the first, so it may be said again"
        patient.nothing_arrives()
        clock.moment += 0.2
        assert shown(patient)[1] is False
        clock.moment += 10
        patient.nothing_arrives()


def test_others_are_told_once_in_three_seconds(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    """T129, by the clock: signs for ten seconds, on and off."""
    settings.LIMITS = settings.LIMITS | {"TYPING": Rate(10_000, 1), "FRAMES": Rate(10_000, 1)}
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        for n in range(40):
            types(doctor, c1)
            types(doctor, c1, n % 3 != 0)
            types(doctor, c1)
            clock.moment += 0.25
        patient.ask("conversation:active-members", {"conversationId": c1})
        told = [frame["data"]["isTyping"] for frame in patient.kept()]
    assert told.count(True) == 4


@pytest.fixture
def no_refill(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits go by the clock too."""
    monkeypatch.setattr("core.limits.time", clock)


def test_a_thousand_signs_a_second_store_nothing_and_tell_others_once(
    server: Server, no_refill: None, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    """T129: what is too much is refused as every limit refuses, and the flood ends the connection."""
    settings.LIMITS = settings.LIMITS | {"FRAMES": Rate(10_000, 1)}
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        before = Event.objects.count(), Entry.objects.count()
        with suppress(ConnectionClosed):
            for n in range(1000):
                doctor.send({"id": str(n), "event": "typing", "data": {"conversationId": c1, "isTyping": True}})
        assert doctor.closed_with() == 4429
        replies = [frame for frame in doctor.kept() if "replyTo" in frame]
        codes = [reply.get("error", {}).get("code") for reply in replies]
        assert codes == [None] * 10 + ["rate_limited"] * 40
        assert shown(patient) == (str(doc1.id), True)
        patient.nothing_arrives()
        assert (Event.objects.count(), Entry.objects.count()) == before


def test_by_rest_what_is_too_much_is_refused(
    server: Server, no_refill: None, pat1: Person, doctor: httpx.Client, c1: str
) -> None:
    """T129."""
    with looking(server, pat1, c1) as patient:
        for _ in range(10):
            answered(post(doctor, c1))
        refusal = post(doctor, c1)
        assert refused(refusal, 429, "rate_limited")["retryAfterMs"] > 0
        assert int(refusal.headers["Retry-After"]) >= 1
        assert shown(patient)[1] is True
        patient.nothing_arrives()


def test_sending_what_was_typed_ends_it_at_once(
    server: Server, clock: Clock, pat1: Person, doc1: Person, doctor: httpx.Client, c1: str
) -> None:
    with connect(server, doc1.token) as typist, looking(server, pat1, c1) as patient:
        types(typist, c1)
        assert shown(patient)[1] is True
        typist.ask("message:new", {"conversationId": c1, "content": "typed"})
        assert patient.next_event()["event"] == "message:new"
        assert shown(patient) == (str(doc1.id), False)
        typist.ask("message:new", {"conversationId": c1, "content": "and another"})
        assert patient.next_event()["event"] == "message:new"
        patient.nothing_arrives()


def test_a_message_of_somebody_else_ends_nothing(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str
) -> None:
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        types(doctor, c1)
        assert shown(patient)[1] is True
        say(pat1, c1, "meanwhile")
        assert patient.next_event()["event"] == "message:new"
        patient.nothing_arrives()


def test_stopping_without_having_typed_says_nothing(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str
) -> None:
    with connect(server, doc1.token) as doctor, looking(server, pat1, c1) as patient:
        types(doctor, c1, False)
        patient.nothing_arrives()


def test_several_people_type_side_by_side(server: Server, clock: Clock, doc1: Person, pat1: Person) -> None:
    people = [make_person(f"guest{n}") for n in range(3)]
    room = open_room(doc1, *people)
    with looking(server, doc1, room) as owner:
        for person in people:
            with connect(server, person.token) as client:
                types(client, room)
        assert {shown(owner) for _ in people} == {(str(person.id), True) for person in people}
        clock.moment += 3
        assert {shown(owner) for _ in people} == {(str(person.id), False) for person in people}


def test_a_stranger_gets_404_like_a_random_id(
    server: Server, clock: Clock, pat1: Person, stranger: httpx.Client, c1: str
) -> None:
    with looking(server, pat1, c1) as patient:
        assert same_but_for_the_request_id(*(refused(post(stranger, one), 404, "not_found") for one in (c1, RANDOM)))
        patient.nothing_arrives(0.1)


@pytest.mark.parametrize("rule", ["muted", "moderators"])
def test_who_may_not_write_may_not_type(
    server: Server, clock: Clock, doc1: Person, pat1: Person, pat2: Person, rule: str
) -> None:
    room = open_room(doc1, pat1, pat2, posting_policy="moderators" if rule == "moderators" else "all")
    Membership.objects.filter(user=pat1.user).update(is_muted=rule == "muted")
    with client_for(pat1, server) as rest, connect(server, pat1.token) as silent, looking(server, pat2, room) as other:
        refused(post(rest, room), 403, "forbidden")
        with pytest.raises(Refusal, match="forbidden"):
            types(silent, room)
        other.nothing_arrives(0.1)


def test_who_is_removed_neither_types_nor_sees_it(
    server: Server, clock: Clock, doc1: Person, pat1: Person, pat2: Person
) -> None:
    room = open_room(doc1, pat1, pat2)
    with (
        client_for(doc1, server) as rest,
        looking(server, doc1, room) as owner,
        looking(server, pat1, room) as removed,
        connect(server, pat2.token) as stays,
    ):
        types(removed, room)
        assert shown(owner) == (str(pat1.id), True)
        assert rest.delete(f"/api/v1/conversations/{room}/members/{pat1.id}").status_code == 204
        assert shown(owner) == (str(pat1.id), False)
        types(stays, room)
        assert shown(owner) == (str(pat2.id), True)
        with pytest.raises(Refusal, match="not_found"):
            types(removed, room)
        owner.next_event("member:left")
        owner.nothing_arrives(0.1)
        removed.next_event("member:left")
        removed.next_event("conversation:removed")
        removed.nothing_arrives(0.1)


@pytest.mark.parametrize("wrong", [None, "true", 1, [], {}])
def test_only_true_and_false_will_do(doctor: httpx.Client, c1: str, wrong: object) -> None:
    refused(post(doctor, c1, wrong), 400, "invalid")


@pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")
def test_it_is_shown_and_fades_in_every_process(
    server: Server, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    """Once, whichever process hears the signs, and also when that process is gone by then."""
    settings.TYPING_FADE = 1.0
    room = open_room(doc1, pat1)
    with looking(server, pat1, c1) as patient:
        patient.ask("conversation:join", {"conversationId": room})
        with served(TYPING_FADE="1") as other, looking(other, doc1, c1) as doctor:
            server.sees(lambda: len(patient.ask("conversation:active-members", {"conversationId": c1})["userIds"]) == 2)
            types(doctor, c1)
            assert shown(patient) == (str(doc1.id), True)
            with connect(server, doc1.token) as here:
                types(here, c1)
            doctor.ask("message:new", {"conversationId": c1, "content": "typed"})
            assert shown(patient) == (str(doc1.id), False)
            types(doctor, room)
            assert shown(patient) == (str(doc1.id), True)
        assert shown(patient) == (str(doc1.id), False)


@pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")
def test_who_was_removed_sees_nobody_type_in_any_process(
    server: Server, doc1: Person, pat1: Person, pat2: Person
) -> None:
    """Ten times: the sign travels to the other process beside the news of the removal, and must not overtake it."""
    rooms = [open_room(doc1, pat1, pat2) for _ in range(10)]
    with (
        served() as other,
        client_for(doc1, server) as owner,
        connect(server, doc1.token) as typist,
        connect(other, pat1.token) as removed,
        connect(other, pat2.token) as stays,
    ):
        for client in (removed, stays):
            client.ask("conversation:join-multiple", {"conversationIds": rooms})
        for room in rooms:
            assert owner.delete(f"/api/v1/conversations/{room}/members/{pat1.id}").status_code == 204
            types(typist, room)
            stays.next_event("member:left")
            assert shown(stays) == (str(doc1.id), True)
            removed.next_event("member:left")
            removed.next_event("conversation:removed")
        removed.nothing_arrives()
