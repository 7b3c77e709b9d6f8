"""Shutting down under load: nothing acknowledged is lost, and clients are told to come back."""

import signal
import threading
import time

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_websocket

from messaging.models import Message
from tests.people import Person, open_clinical
from tests.processes import served
from tests.sockets import Client, connect


def send_until_closed(client: Client, conversation: str, acknowledged: list[str]) -> None:
    """Sends as fast as answers come; keeps the ids the server acknowledged."""
    try:
        for n in range(100_000):
            reply = client.ask_raw("message:new", {"conversationId": conversation, "content": f"message {n}"})
            if "data" in reply:
                acknowledged.append(reply["data"]["id"])
    except ConnectionClosed:
        return


@pytest.mark.core
def test_sigterm_under_load_loses_nothing_that_was_acknowledged(pat1: Person, doc1: Person) -> None:
    """T139 for one process."""
    conversation = open_clinical(pat1, doc1)
    acknowledged: list[str] = []
    limits = {"LIMIT_MESSAGE_NEW": "1000000/60", "LIMIT_FRAMES": "100000/1", "DRAIN_SPREAD": "2"}
    with served(**limits) as server, connect(server, pat1.token) as idle, connect(server, doc1.token) as busy:
        sender = threading.Thread(target=send_until_closed, args=(busy, conversation, acknowledged))
        sender.start()
        while len(acknowledged) < 50:
            time.sleep(0.01)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        drain = idle.next_frame_where(lambda frame: frame.get("type") == "drain", timeout=15)
        assert 0 <= drain["reconnectInMs"] <= 20_000
        assert idle.closed_with(timeout=25) == 1012
        assert server.process.wait(30) == 0
        assert time.monotonic() - begin < 30
        sender.join(10)
    stored = {str(pk) for pk in Message.objects.values_list("id", flat=True)}
    assert set(acknowledged) <= stored


def test_who_stops_when_told_to_is_never_refused(pat1: Person, doc1: Person) -> None:
    """T139: what is said before `drain` is heard is stored, up to the last word."""
    conversation = open_clinical(pat1, doc1)
    limits = {"LIMIT_MESSAGE_NEW": "1000000/60", "LIMIT_FRAMES": "100000/1", "DRAIN_SPREAD": "1"}
    replies: list[dict[str, object]] = []
    with served(**limits) as server, connect(server, doc1.token) as client:

        def send_until_told() -> None:
            while not any(frame.get("type") == "drain" for frame in client.kept()):
                content = {"conversationId": conversation, "content": f"message {len(replies)}"}
                replies.append(client.ask_raw("message:new", content))

        sender = threading.Thread(target=send_until_told)
        sender.start()
        while len(replies) < 50:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        sender.join(20)
        assert client.closed_with(timeout=25) == 1012
        assert server.process.wait(30) == 0
    assert [reply for reply in replies if "error" in reply] == []
    assert Message.objects.count() == len(replies) > 50


def test_while_draining_nobody_new_is_let_in(pat1: Person) -> None:
    with served(DRAIN_SPREAD="3") as server, connect(server, pat1.token) as client:
        server.process.send_signal(signal.SIGTERM)
        client.next_frame_where(lambda frame: frame.get("type") == "drain", timeout=15)
        with pytest.raises((OSError, httpx.TransportError)):  # noqa: PT012  either door must be closed
            httpx.get(f"{server.url}/health/ready", timeout=2).raise_for_status()
            open_websocket(server.ws_url, open_timeout=2)
        assert server.process.wait(30) == 0
