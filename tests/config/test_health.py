"""Health: what an operator's probes see, and nothing else."""

import httpx
import pytest

from tests.live import Server
from tests.people import Person
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_health_counts_the_sockets(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token):
        answer = httpx.get(server.url + "/health").json()
    assert answer["status"] == "healthy"
    assert answer["connections"]["active"] >= 1
    assert answer["connections"]["peak"] >= answer["connections"]["active"]
    assert answer["connections"]["total"] >= 1
    assert answer["uptime"] >= 0
    assert answer["timestamp"].endswith("Z")


def test_a_process_that_serves_is_live_and_ready(server: Server) -> None:
    assert httpx.get(server.url + "/health/live").json() == {"status": "live"}
    assert httpx.get(server.url + "/health/ready").json() == {"status": "ready", "cache": "available"}


def test_nothing_can_be_sent_to_health(server: Server) -> None:
    assert httpx.post(server.url + "/health").status_code == 405
