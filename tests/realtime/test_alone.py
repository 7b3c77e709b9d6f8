"""A process that is alone tells nobody anything; with the first that joins it, it does."""

import os
import time
from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from core.limits import buckets
from realtime import pokes as module
from realtime.leases import leases
from realtime.pokes import pokes
from tests.live import Server
from tests.people import Person, open_clinical
from tests.processes import served
from tests.realtime.test_two_processes import BLIND, GROUP, NEVER, say
from tests.sockets import connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")


def pokes_within(overheard: redis.client.PubSub, seconds: float) -> int:
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        count += overheard.get_message(ignore_subscribe_messages=True, timeout=0.05) is not None
    return count


@pytest.fixture
def alone(server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The live server has just begun, and nobody has answered it."""
    monkeypatch.setattr(module, "SIGN_OF_LIFE", float(NEVER))
    settings.POLL_INTERVAL = float(NEVER)
    server.begin_anew()
    server.sees(pokes.is_alone)
    yield
    settings.POLL_INTERVAL = 1.0
    server.begin_anew()


@pytest.mark.usefixtures("alone")
def test_who_is_alone_tells_nobody_until_somebody_joins(
    server: Server, redis_client: redis.Redis, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    with redis_client.pubsub() as overheard, connect(server, pat1.token) as here:
        overheard.subscribe(GROUP)
        for n in range(3):
            say(here, conversation, f"nobody else is there {n}")
        assert pokes_within(overheard, 0.5) == 0
        # And nothing piles up for somebody who may never come.
        server.sees(lambda: not leases.has_news())
        server.sees(lambda: not buckets._taken)
        with served(**BLIND) as other, connect(other, doc1.token) as there:
            server.sees(lambda: not pokes.is_alone())
            say(here, conversation, "welcome")
            assert there.next_event("message:new")["seq"] == 4
            assert pokes_within(overheard, 0.5) > 0
