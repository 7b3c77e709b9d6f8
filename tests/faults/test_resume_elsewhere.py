"""A client that comes back to a process which has not yet heard of what the client already has."""

import os
from collections.abc import Iterator

import pytest

from tests.live import Server
from tests.people import Person, open_clinical
from tests.processes import Served, served
from tests.sockets import connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

NEVER = "3600"
ALONE = {
    "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing listens there
    "POLL_INTERVAL": NEVER,
    "SWEEP_INTERVAL": NEVER,
    "HEARTBEAT": NEVER,
    "HEARTBEAT_TIMEOUT": "7200",
}


@pytest.fixture(scope="module")
def alone(emptied: None) -> Iterator[Served]:
    """A process that neither hears of the others nor looks for itself."""
    with served(**ALONE) as process:
        yield process


def test_who_is_ahead_of_a_process_is_not_told_to_reload(
    server: Server, alone: Served, pat1: Person, doc1: Person
) -> None:
    """Its number is not above the head; it is only above what this process has heard of."""
    conversation = open_clinical(pat1, doc1)
    with connect(alone, doc1.token), connect(server, pat1.token) as patient:
        epoch = patient.hello["epoch"]
        for n in range(1, 6):
            patient.ask("message:new", {"conversationId": conversation, "content": f"number {n}"})
        resume = {"epoch": epoch, "cursors": {conversation: 5}}
        with connect(alone, pat1.token, resume=resume) as again:
            assert again.next_frame() == {"type": "resumed", "heads": {conversation: 5}}
            again.ask("message:new", {"conversationId": conversation, "content": "number 6"})
            assert again.next_event("message:new")["seq"] == 6
