"""Any ASGI server will do, with less certainty about slow readers: here daphne, which serves development."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.forked import Forked
from tests.people import Person, open_clinical
from tests.sockets import connect_to, open_client

pytestmark = pytest.mark.core


@pytest.fixture
def daphne(database: None) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = Forked("-m", "daphne", "--port", str(port), "--verbosity", "0", "config.asgi:application")
    try:
        wait_for_listener(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for_listener(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "daphne did not start"
            time.sleep(0.05)
        else:
            return


def test_opening_sending_receiving_and_refusing_work_under_daphne(daphne: str, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect_to(daphne, pat1.token) as patient, connect_to(daphne, doc1.token) as provider:
        for n in range(20):
            sent = provider.ask("message:new", {"conversationId": conversation, "content": f"K<3.5 {n}"})
            event = patient.next_event("message:new")
            assert (event["seq"], event["data"]["content"]) == (sent["seq"], f"K<3.5 {n}")
        epoch = patient.hello["epoch"]
        with connect_to(daphne, pat1.token, resume={"epoch": epoch, "cursors": {conversation: 15}}) as again:
            assert [again.next_event()["seq"] for _ in range(5)] == [16, 17, 18, 19, 20]
            assert again.next_frame()["type"] == "resumed"
    with open_client(daphne.replace("http", "ws") + "/ws/chat") as stranger:
        stranger.send({"type": "auth", "token": "x"})
        assert stranger.closed_with() == 4401
