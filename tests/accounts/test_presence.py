"""Who is there: over sockets and by REST, on one or several devices, and what is left when somebody goes."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import LoginSession, User
from core.time import now
from tests.accounts.presence import API, choose, is_there, presence_of, status_of, subscribe, told
from tests.live import Server
from tests.messaging.talking import entries, entry_details
from tests.people import Person, client_for, open_clinical, sign_in
from tests.sockets import Client, connect

pytestmark = pytest.mark.usefixtures("quick")


def _is(server: Server, person: Person, status: str) -> bool:
    return server.hub.presence.status(person.id) == status


@pytest.fixture
def quick(settings: Settings) -> None:
    settings.RECONNECT_GRACE = 0.4


@pytest.fixture(autouse=True)
def c1(pat1: Person, doc1: Person) -> str:
    """The conversation that the two share; without it they would not know of each other."""
    return open_clinical(pat1, doc1)


@pytest.fixture
def doctor(server: Server, doc1: Person, pat1: Person) -> Iterator[Client]:
    """The doctor's connection, subscribed to the patient, who is not there."""
    with connect(server, doc1.token) as client:
        assert subscribe(client, pat1) == [{"userId": str(pat1.id), "status": "offline"}]
        yield client


def test_somebody_comes_and_goes(server: Server, doctor: Client, pat1: Person, doc1: Person) -> None:
    with connect(server, pat1.token):
        assert told(doctor) == {"userId": str(pat1.id), "status": "online"}
        assert presence_of(pat1, doc1, server) == {"userId": str(pat1.id), "status": "online"}
        begin = now()
    gone = told(doctor)
    assert (gone["userId"], gone["status"]) == (str(pat1.id), "offline")
    assert abs((datetime.fromisoformat(gone["lastSeenAt"]) - begin).total_seconds()) < 5
    assert presence_of(pat1, doc1, server) == gone
    doctor.nothing_arrives()


def test_who_comes_back_at_once_was_never_away(
    server: Server, doctor: Client, pat1: Person, doc1: Person, settings: Settings
) -> None:
    settings.RECONNECT_GRACE = 3.0
    with connect(server, pat1.token):
        assert told(doctor)["status"] == "online"
    server.sees(lambda: len(server.hub.sockets) == 1)
    assert status_of(pat1, doc1, server) == "online"
    with connect(server, pat1.token):
        doctor.nothing_arrives(3.5)
        assert status_of(pat1, doc1, server) == "online"
    assert User.objects.get(id=pat1.id).last_seen_at is None


def test_who_says_nothing_for_a_while_is_away_and_back_with_the_first_word(
    server: Server, doctor: Client, pat1: Person, settings: Settings
) -> None:
    settings.AWAY_AFTER, settings.HEARTBEAT = 1.5, 0.2
    with connect(server, pat1.token) as patient:
        assert told(doctor)["status"] == "online"
        assert told(doctor)["status"] == "away"
        patient.send({"type": "pong"})
        doctor.nothing_arrives()
        patient.ask_raw("conversation:unknown", {})
        assert told(doctor)["status"] == "online"
        assert told(doctor)["status"] == "away"


@pytest.mark.parametrize("chosen", ["busy", "away"])
def test_what_was_chosen_stays_however_long_somebody_says_nothing(
    server: Server, doctor: Client, pat1: Person, settings: Settings, chosen: str
) -> None:
    settings.AWAY_AFTER, settings.HEARTBEAT = 1.5, 0.2
    with connect(server, pat1.token) as patient:
        assert told(doctor)["status"] == "online"
        assert patient.ask("presence:update", {"status": chosen}) == {}
        assert told(doctor)["status"] == chosen
        doctor.nothing_arrives(2.0)
        patient.ask_raw("conversation:unknown", {})
        doctor.nothing_arrives()


def test_of_several_devices_the_busiest_counts(server: Server, doctor: Client, pat1: Person, doc1: Person) -> None:
    phone, laptop = sign_in(pat1), sign_in(pat1)
    with connect(server, phone.access) as one, connect(server, laptop.access) as other:
        assert told(doctor)["status"] == "online"
        for client, status, shown in (
            (one, "away", "online"),
            (other, "away", "away"),
            (one, "busy", "busy"),
            (other, "online", "busy"),
            (one, "offline", "online"),
        ):
            client.ask("presence:update", {"status": status})
            server.sees(partial(_is, server, pat1, shown))
            assert status_of(pat1, doc1, server) == shown
        other.ask("presence:update", {"status": "offline"})
        server.sees(lambda: not is_there(server, pat1.id))


def test_a_device_that_goes_leaves_the_others(server: Server, doctor: Client, pat1: Person) -> None:
    phone, laptop = sign_in(pat1), sign_in(pat1)
    with connect(server, phone.access):
        with connect(server, laptop.access) as other:
            assert told(doctor)["status"] == "online"
            other.ask("presence:update", {"status": "busy"})
            assert told(doctor)["status"] == "busy"
        assert told(doctor)["status"] == "online"
        doctor.nothing_arrives()
    assert User.objects.get(id=pat1.id).last_seen_at is None
    assert told(doctor)["status"] == "offline"
    assert User.objects.get(id=pat1.id).last_seen_at is not None


def test_two_sockets_of_one_device_are_one(server: Server, doctor: Client, pat1: Person) -> None:
    with connect(server, pat1.token):
        assert told(doctor)["status"] == "online"
        with connect(server, pat1.token) as second:
            second.ask("presence:update", {"status": "busy"})
            assert told(doctor)["status"] == "busy"
        doctor.nothing_arrives(1.0)


def test_what_was_chosen_is_kept_until_somebody_comes_back(
    server: Server, doctor: Client, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as patient:
        told(doctor)
        patient.ask("presence:update", {"status": "busy"})
        assert told(doctor)["status"] == "busy"
    assert told(doctor)["status"] == "offline"
    with connect(server, pat1.token):
        assert told(doctor)["status"] == "busy"
        with connect(server, sign_in(pat1).access):
            doctor.nothing_arrives()
    assert told(doctor)["status"] == "offline"


def test_who_chose_to_be_offline_comes_and_goes_unseen(
    server: Server, doctor: Client, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as patient:
        told(doctor)
        patient.ask("presence:update", {"status": "offline"})
        seen = told(doctor)
        assert seen["status"] == "offline"
        patient.ask_raw("conversation:unknown", {})
    with connect(server, pat1.token):
        pass
    doctor.nothing_arrives(1.0)
    assert presence_of(pat1, doc1, server) == seen, "when they were last seen is when they hid"


def test_what_somebody_says_of_themselves_is_shown_while_they_are_there(
    server: Server, doctor: Client, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as patient:
        told(doctor)
        patient.ask("presence:update", {"status": "busy", "customStatus": "In surgery"})
        shown = {"userId": str(pat1.id), "status": "busy", "customStatus": "In surgery"}
        assert told(doctor) == shown
        assert presence_of(pat1, doc1, server) == shown
        patient.ask("presence:update", {"status": "busy", "customStatus": "Back at three"})
        assert told(doctor)["customStatus"] == "Back at three"
        patient.ask("presence:update", {"status": "away"})
        assert told(doctor) == {"userId": str(pat1.id), "status": "away", "customStatus": "Back at three"}
    assert "customStatus" not in told(doctor)
    with connect(server, pat1.token) as patient:
        assert told(doctor)["customStatus"] == "Back at three"
        patient.ask("presence:update", {"status": "away", "customStatus": None})
        assert "customStatus" not in told(doctor)


def test_what_somebody_says_is_stored_sealed(server: Server, pat1: Person) -> None:
    with client_for(pat1, server) as client:
        choose(client, "online", customStatus="canary-9317")
    sealed: Any = User.objects.filter(id=pat1.id).values_list("custom_status", flat=True).get()
    assert b"canary-9317" not in sealed.blob
    [entry] = entries("presence.updated", pat1)
    assert entry.object == pat1.signed_in.session_id
    assert entry_details(entry) == {"status": "online", "described": True}


def test_a_repeat_writes_nothing_and_tells_nobody(server: Server, doctor: Client, pat1: Person) -> None:
    with connect(server, pat1.token) as patient:
        told(doctor)
        patient.ask("presence:update", {"status": "busy", "customStatus": "Busy"})
        told(doctor)
        patient.ask("presence:update", {"status": "busy", "customStatus": "Busy"})
        patient.ask("presence:update", {"status": "busy"})
        doctor.nothing_arrives()
    assert len(entries("presence.updated")) == 1


def test_rest_chooses_for_the_device_that_asks(server: Server, doctor: Client, pat1: Person) -> None:
    with connect(server, pat1.token), connect(server, sign_in(pat1).access):
        told(doctor)
        with client_for(pat1, server) as client:
            choose(client, "offline")
        doctor.nothing_arrives()
        with client_for(pat1, server) as client:
            choose(client, "busy")
        assert told(doctor)["status"] == "busy"
    assert LoginSession.objects.get(id=pat1.signed_in.session_id).presence == "busy"


def test_a_device_without_a_socket_is_not_there_whatever_it_chooses(server: Server, pat1: Person, doc1: Person) -> None:
    with client_for(pat1, server) as client:
        choose(client, "online")
    assert status_of(pat1, doc1, server) == "offline"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({}, "invalid"),
        ({"status": "gone"}, "invalid"),
        ({"status": None}, "invalid"),
        ({"status": ["busy"]}, "invalid"),
        ({"status": "busy", "customStatus": "x" * 101}, "invalid"),
        ({"status": "busy", "customStatus": "two\nlines"}, "invalid"),
        ({"status": "busy", "customStatus": "‮hidden"}, "invalid"),
        ({"status": "busy", "customStatus": "a\x00"}, "invalid_text"),
        ({"status": "busy", "customStatus": 5}, "invalid"),
        ({"status": "busy", "userId": "x"}, "unknown_field"),
    ],
)
def test_bad_choices_are_refused_at_both_doors_and_change_nothing(
    server: Server, pat1: Person, wrong: dict[str, object], code: str
) -> None:
    with client_for(pat1, server) as rest, connect(server, pat1.token) as client:
        response = rest.put(f"{API}/me/presence", json=wrong)
        assert (response.status_code, response.json()["code"]) == (400, code)
        assert client.ask_raw("presence:update", wrong)["error"]["code"] == code
    assert LoginSession.objects.get(id=pat1.signed_in.session_id).presence == "online"
    assert not entries("presence.updated")


def test_who_was_silent_until_given_up_has_had_their_time(
    server: Server, doctor: Client, pat1: Person, settings: Settings
) -> None:
    settings.HEARTBEAT, settings.HEARTBEAT_TIMEOUT, settings.RECONNECT_GRACE = 0.3, 2.0, 600.0
    with connect(server, pat1.token) as patient:
        assert told(doctor)["status"] == "online"
        begin = now()
        gone = told(doctor)
        assert patient.closed_with() == 1006
    assert gone["status"] == "offline"
    assert datetime.fromisoformat(gone["lastSeenAt"]) <= begin
