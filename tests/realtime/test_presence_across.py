"""Presence and places across two processes: the live server in the test process, and `manage.py serve` beside it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis
from pytest_django import Settings

from accounts.models import User
from realtime.leases import leases
from tests.accounts.presence import choose, is_there, presence_of, status_of, subscribe, told
from tests.live import Server
from tests.people import Person, client_for, open_clinical, sign_in
from tests.processes import Served, served
from tests.sockets import Client, connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

GROUP = "asgi__group__pokes.0"
"""What Redis calls the group of pokes."""

QUICK = {"RECONNECT_GRACE": "0.6", "LEASE_TTL": "6"}
NOWHERE = "redis://127.0.0.1:1/0"
"""Nothing listens there."""


@pytest.fixture(autouse=True)
def quick(settings: Settings) -> None:
    settings.RECONNECT_GRACE, settings.LEASE_TTL = float(QUICK["RECONNECT_GRACE"]), float(QUICK["LEASE_TTL"])


@pytest.fixture
def begun(server: Server, redis_client: redis.Redis, quick: None) -> Callable[[int], None]:
    """`begun(2)`: so many processes hear each other's pokes."""
    server.begin_anew()

    def begun(processes: int) -> None:
        server.sees(lambda: redis_client.pubsub_numsub(GROUP)[0][1] >= processes)

    return begun


@pytest.fixture(scope="module")
def lasting(emptied: None) -> Iterator[Served]:
    """A process that all these tests share."""
    with served(**QUICK) as other:
        yield other


@pytest.fixture
def other(lasting: Served, begun: Callable[[int], None]) -> Served:
    begun(2)
    return lasting


@pytest.fixture(autouse=True)
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def still_there(client: Client) -> bool:
    return "error" in client.ask_raw("nothing:known", {})


def test_who_is_there_in_one_process_is_seen_in_the_other(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    both: list[Server | Served] = [server, other]
    for here, there in (both, both[::-1]):
        with connect(here, doc1.token) as doctor:
            subscribe(doctor, pat1)
            with connect(there, pat1.token) as patient:
                assert told(doctor)["status"] == "online"
                assert [status_of(pat1, doc1, where) for where in both] == ["online", "online"]
                patient.ask("presence:update", {"status": "busy", "customStatus": "In a call"})
                assert told(doctor)["customStatus"] == "In a call"
                patient.ask("presence:update", {"status": "online", "customStatus": ""})
                assert told(doctor) == {"userId": str(pat1.id), "status": "online"}
            gone = told(doctor)
            assert gone["status"] == "offline"
            assert gone["lastSeenAt"]
            assert [presence_of(pat1, doc1, where) for where in both] == [gone, gone]
            doctor.nothing_arrives()


def test_a_device_that_moves_to_another_process_was_never_away(
    server: Server, other: Served, pat1: Person, doc1: Person, settings: Settings
) -> None:
    settings.RECONNECT_GRACE = 3.0
    with connect(server, doc1.token) as doctor:
        subscribe(doctor, pat1)
        with connect(server, pat1.token) as patient:
            patient.ask("presence:update", {"status": "busy"})
            assert told(doctor)["status"] == "busy"
        with connect(other, pat1.token):
            doctor.nothing_arrives(3.5)
            assert status_of(pat1, doc1, server) == "busy"
        assert told(doctor)["status"] == "offline"


def test_what_is_chosen_by_rest_in_one_process_holds_for_the_socket_in_the_other(
    server: Server, other: Served, pat1: Person, doc1: Person
) -> None:
    with connect(server, doc1.token) as doctor, connect(other, pat1.token) as patient:
        until(lambda: is_there(server, pat1.id))
        subscribe(doctor, pat1)
        with client_for(pat1, server) as rest:
            choose(rest, "busy")
        assert told(doctor)["status"] == "busy"
        assert still_there(patient)
        doctor.nothing_arrives(1.0)
        with client_for(pat1, other) as rest:
            choose(rest, "offline")
        assert told(doctor)["status"] == "offline"


def test_the_eleventh_connection_closes_the_oldest_wherever_it_is(server: Server, other: Served, pat1: Person) -> None:
    """T036: the oldest is in the other process, the eleventh here, and then the other way round."""
    for first, then in ((other, server), (server, other)):
        token = sign_in(pat1).access
        with ExitStack() as stack:
            old = [stack.enter_context(connect(first, token)) for _ in range(6)]
            until(lambda: len(leases.values("socket", pat1.id)) == 6)
            new = [stack.enter_context(connect(then, token)) for _ in range(5)]
            assert old[0].closed_with() == 4409
            assert all(map(still_there, [*old[1:], *new]))
        until(lambda: not leases.values("socket", pat1.id))


def test_a_process_that_starts_learns_who_is_there(
    server: Server, begun: Callable[[int], None], pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as patient:
        patient.ask("presence:update", {"status": "busy"})
        with served(**QUICK) as late:
            until(lambda: status_of(pat1, doc1, late) == "busy")


def test_a_process_that_dies_leaves_nobody_behind(
    server: Server, begun: Callable[[int], None], pat1: Person, doc1: Person
) -> None:
    """Nobody says goodbye for it; who is left notices when its leases end, and writes down when they were seen."""
    with served(**QUICK) as dying, connect(server, doc1.token) as doctor:
        begun(2)
        subscribe(doctor, pat1)
        with connect(dying, pat1.token) as patient:
            assert told(doctor)["status"] == "online"
            dying.process.kill()
            assert patient.closed_with() == 1006
        gone = told(doctor, 30)
        assert (gone["status"], bool(gone["lastSeenAt"])) == ("offline", True)
        assert not leases.values("socket", pat1.id)


def test_a_process_that_goes_in_good_order_takes_nobody_with_it(
    server: Server, begun: Callable[[int], None], pat1: Person, doc1: Person, doc2: Person
) -> None:
    """Who comes back elsewhere was never away; who does not is gone a moment later, and was last seen when it ended."""
    open_clinical(pat1, doc2)
    with served(RECONNECT_GRACE="3", LEASE_TTL="6") as leaving, connect(server, pat1.token) as watching:
        begun(2)
        subscribe(watching, doc1, doc2)
        with connect(leaving, doc1.token) as doctor, connect(leaving, doc2.token) as gone_for_good:
            assert {told(watching)["userId"] for _ in range(2)} == {str(doc1.id), str(doc2.id)}
            leaving.process.send_signal(signal.SIGTERM)
            assert doctor.closed_with(10) == 1012
            assert gone_for_good.closed_with(10) == 1012
        with connect(server, doc1.token):
            assert leaving.process.wait(20) == 0
            gone = told(watching, 30)
            assert (gone["userId"], gone["status"]) == (str(doc2.id), "offline")
            watching.nothing_arrives(1.0)
    assert User.objects.get(id=doc2.id).last_seen_at is not None


def test_without_redis_each_process_knows_its_own_only(
    server: Server, begun: Callable[[int], None], pat1: Person, doc1: Person
) -> None:
    with served(**QUICK, REDIS_URL=NOWHERE) as deaf, connect(deaf, pat1.token):
        assert status_of(pat1, doc1, deaf) == "online"
        assert status_of(pat1, doc1, server) == "offline"
