"""A process finds by itself what nobody told it: new events, new memberships, a clock that is wrong."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django import Settings

from core.time import machine_now, now
from realtime import announce, polling, streams
from tests.live import Server
from tests.messaging.talking import say
from tests.people import Person, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core


@pytest.fixture
def looking(server: Server, settings: Settings) -> Iterator[Server]:
    """The live server, looking often, while nothing is announced to it: as if another process did everything."""
    settings.POLL_INTERVAL = 0.05
    server.begin_anew()
    yield server
    settings.POLL_INTERVAL = 1.0
    server.begin_anew()


@pytest.fixture
def unannounced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_publish", lambda events, stored: None)
    monkeypatch.setattr(announce, "_after_commit", lambda what, *args: None)


def test_events_nobody_told_of_are_found(looking: Server, unannounced: None, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(looking, pat1.token) as client:
        say(doc1, conversation, "one", "two", "three")
        assert [client.next_event()["seq"] for _ in range(3)] == [1, 2, 3]
        client.nothing_arrives()


def test_a_conversation_nobody_told_of_is_found_and_told_once(
    looking: Server, unannounced: None, pat1: Person, doc1: Person
) -> None:
    with connect(looking, pat1.token) as client:
        conversation = open_clinical(pat1, doc1)
        assert client.next_event()["data"] == {"conversationId": conversation}
        say(doc1, conversation, "hello")
        assert client.next_event()["event"] == "message:new"
        client.nothing_arrives()


def test_a_conversation_that_was_told_of_is_not_told_again(looking: Server, pat1: Person, doc1: Person) -> None:
    with connect(looking, pat1.token) as client:
        conversation = open_clinical(pat1, doc1)
        assert client.next_event()["data"] == {"conversationId": conversation}
        client.nothing_arrives()


def test_what_commits_long_after_it_was_inserted_is_found(
    looking: Server, unannounced: None, pat1: Person, doc1: Person
) -> None:
    """The look before saw nothing of it, and looks only at what is newer than itself, less ten seconds."""
    conversation = open_clinical(pat1, doc1)
    with connect(looking, pat1.token) as client:
        with transaction.atomic():
            stream = streams.lock([UUID(conversation)])[UUID(conversation)]
            streams.append([streams.NewEvent(stream, "conversation:updated", doc1.id, data={"priority": "high"})])
            client.nothing_arrives(0.5)
        assert client.next_event()["event"] == "conversation:updated"


def test_a_clock_that_is_wrong_is_said_once(
    looking: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """T142, as far as one process goes."""

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if "clock" in record.getMessage()]

    monkeypatch.setattr(polling, "machine_now", lambda: machine_now() + timedelta(seconds=120))
    looking.sees(lambda: len(said()) == 1)
    assert timedelta(seconds=115) < machine_now() - now() < timedelta(seconds=125)
    monkeypatch.undo()
    looking.sees(lambda: len(said()) == 2)
    assert machine_now() - now() < timedelta(seconds=1)
    wrong, right = said()
    assert re.fullmatch(r"this machine's clock is 1[2-9]\d s away from the database's", wrong)
    assert right == "this machine's clock agrees with the database's again"
