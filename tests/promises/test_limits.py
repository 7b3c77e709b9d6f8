"""How often and how much: one bucket for each person and action, whatever door, connection and process they use."""

import math
import os
from collections import Counter
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from uuid import UUID

import httpx
import pytest
from django.conf import settings as configured
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from core.limits import Rate, buckets
from messaging.models import Message
from tests.live import Server
from tests.messaging.talking import post, refused
from tests.people import PASSWORD, Person, anonymous_client, client_for, open_clinical, sign_in
from tests.processes import Served, served
from tests.sockets import Client, Frame, connect

RATES = {
    "MESSAGE_NEW": Rate(60, 60),
    "TYPING": Rate(10, 10),
    "MESSAGE_DELIVERED": Rate(100, 60),
    "MESSAGE_READ": Rate(100, 60),
    "PRESENCE_UPDATE": Rate(20, 60),
    "CALL_INITIATE": Rate(5, 60),
    "REACTION_NEW": Rate(50, 60),
    "REACTION_REMOVE": Rate(50, 60),
    "SEARCH": Rate(30, 60),
    "FRAMES": Rate(50, 1),
    "REQUEST": Rate(600, 60),
    "CONNECTIONS_NEW": Rate(30, 60),
    "LOGIN_FAILURES_ACCOUNT_ADDRESS": Rate(10, 900),
    "LOGIN_FAILURES_ACCOUNT": Rate(50, 900),
    "LOGIN_FAILURES_ADDRESS": Rate(100, 900),
}

BOUNDS = {
    "CONNECTIONS_PER_USER": 10,
    "UNAUTHENTICATED_PER_ADDRESS": 200,
    "MESSAGE_MAX_CHARACTERS": 5000,
    "MESSAGE_MAX_BYTES": 16 * 1024,
    "MAX_FRAME": 64 * 1024,
    "ROOM_MAX_MEMBERS": 500,
    "TYPING_FADE": 3,
    "LEASE_TTL": 60,
    "AWAY_AFTER": 300,
    "IDLE_TIMEOUT": 1800,
    "TOKEN_LEEWAY": 10,
}


class Clock(SimpleNamespace):
    """The clock that limits go by. It begins with a small round number, so that steps of sixteenths stay exact."""

    moment = 1024.0

    def monotonic(self) -> float:
        return self.moment


@pytest.fixture
def clock(database: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("core.limits.time", clock)
    return clock


@pytest.fixture
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


def hurry(settings: Settings) -> None:
    """A test sends faster than 50 frames a second."""
    settings.LIMITS = settings.LIMITS | {"FRAMES": Rate(100_000, 1)}


def ask(client: Client, conversation_id: str) -> Frame:
    return client.ask_raw("message:new", {"conversationId": conversation_id, "content": "x"})


@pytest.mark.no_database
@pytest.mark.parametrize("name", RATES)
def test_every_rate_is_a_setting(name: str) -> None:
    assert configured.LIMITS[name] == RATES[name]


@pytest.mark.no_database
@pytest.mark.parametrize("name", BOUNDS)
def test_every_bound_is_a_setting(name: str) -> None:
    assert getattr(configured, name) == BOUNDS[name]


def test_of_300_messages_in_a_minute_those_beyond_the_bucket_are_refused(
    server: Server, clock: Clock, pat1: Person, c1: str
) -> None:
    """T126: 60 at once, and one for each second since."""
    step = 0.1875
    with client_for(pat1, server) as client:
        acknowledged = 0
        for _ in range(300):
            answer = post(client, c1)
            if answer.status_code == 201:
                acknowledged += 1
            else:
                wait = refused(answer, 429, "rate_limited")["retryAfterMs"]
                assert 0 < wait <= 1001
                assert int(answer.headers["Retry-After"]) == math.ceil(wait / 1000)
            clock.moment += step
    assert acknowledged == 60 + int(299 * step)
    assert Message.objects.count() == acknowledged


@pytest.mark.core
def test_of_600_at_once_60_are_stored_and_240_refused_and_then_the_connection_is_closed(
    server: Server, clock: Clock, pat1: Person, c1: str, settings: Settings
) -> None:
    """T126: five times over."""
    hurry(settings)
    with connect(server, pat1.token) as client:
        with suppress(ConnectionClosed):
            for n in range(600):
                client.send({"id": str(n), "event": "message:new", "data": {"conversationId": c1, "content": "x"}})
        assert client.closed_with(30) == 4429
        replies = [frame for frame in client.kept() if "replyTo" in frame]
    assert [reply["replyTo"] for reply in replies] == [str(n) for n in range(300)]
    codes = [reply.get("error", {}).get("code") for reply in replies]
    assert codes == [None] * 60 + ["rate_limited"] * 240
    assert Message.objects.count() == 60


def test_ten_connections_of_three_sessions_and_rest_have_one_bucket(
    server: Server, clock: Clock, pat1: Person, doc1: Person, c1: str, settings: Settings
) -> None:
    """T127, in one process. Somebody else's bucket is full all the while."""
    hurry(settings)
    sessions = [pat1.token, sign_in(pat1).access, sign_in(pat1).access]
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(server, sessions[n % 3])) for n in range(10)]
        clients = [stack.enter_context(client_for(token, server)) for token in sessions]
        taken = 0
        for _ in range(8):
            taken += sum("data" in ask(socket, c1) for socket in sockets)
            taken += sum(post(client, c1).status_code == 201 for client in clients)
        assert taken == 60
        assert Message.objects.count() == 60
        assert post(stack.enter_context(client_for(doc1, server)), c1).status_code == 201


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, UUID]]:
    """How many tokens of each bucket other processes have told this one of."""
    heard: Counter[tuple[str, UUID]] = Counter()
    spend = buckets.spend

    def counted(name: str, who: UUID, rate: Rate, count: int) -> None:
        spend(name, who, rate, count)
        heard[name, who] += count

    monkeypatch.setattr(buckets, "spend", counted)
    return heard


@pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")
def test_two_processes_have_one_bucket(
    server: Server, heard: Counter[tuple[str, UUID]], pat1: Person, c1: str, settings: Settings
) -> None:
    """T127: what was taken from one is gone in the other, as soon as it has heard of it."""
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(6, 36_000)}
    with served(LIMIT_MESSAGE_NEW="6/36000") as other:

        def takes(where: Server | Served) -> int:
            """Of two by each door, how many are taken."""
            with client_for(pat1, where) as rest, connect(where, pat1.token) as socket:
                by_rest = [post(rest, c1).status_code == 201 for _ in range(2)]
                return sum([*by_rest, *("data" in ask(socket, c1) for _ in range(2))])

        assert takes(other) == 4
        server.sees(lambda: heard["MESSAGE_NEW", pat1.id] == 4)
        assert takes(server) == 2
        assert takes(server) == 0
    assert Message.objects.count() == 6


def test_who_makes_up_ten_addresses_is_still_one_client(
    server: Server, settings: Settings, pat1: Person, doc1: Person
) -> None:
    """T128: behind one trusted proxy the address it adds counts, whatever the client has written in front of it."""
    settings.TRUSTED_PROXIES = 1
    settings.LIMITS = settings.LIMITS | {"LOGIN_FAILURES_ADDRESS": Rate(5, 900)}
    spoofed = [", ".join(f"198.51.100.{10 * n + m}" for m in range(10)) for n in range(10)]

    def attempt(client: httpx.Client, forwarded: str, address: str, password: str) -> int:
        headers = {"X-Forwarded-For": f"{forwarded}, {address}"}
        body = {"username": "doc1", "password": password}
        return client.post("/api/v1/auth/token", json=body, headers=headers).status_code

    with anonymous_client(server) as client:
        statuses = [attempt(client, forwarded, "192.0.2.1", "wrong") for forwarded in spoofed]
        assert statuses == [401] * 5 + [429] * 5
        assert attempt(client, spoofed[0], "192.0.2.2", PASSWORD) == 200


@pytest.mark.core
def test_addresses_win_nobody_another_bucket(
    server: Server, clock: Clock, settings: Settings, pat1: Person, c1: str
) -> None:
    """T128: what somebody does who is signed in is counted for them, not for where they say they are."""
    settings.TRUSTED_PROXIES = 1
    settings.LIMITS = settings.LIMITS | {"MESSAGE_NEW": Rate(4, 60)}
    with client_for(pat1, server) as client:
        statuses = []
        for n in range(10):
            client.headers["X-Forwarded-For"] = f"198.51.100.{n}, 192.0.2.{n}"
            statuses.append(post(client, c1).status_code)
    assert statuses == [201] * 4 + [429] * 6
