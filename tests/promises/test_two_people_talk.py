"""The whole product in one sentence: two people exchange messages, and each arrives everywhere, once, in order."""

import pytest

from tests.live import Server
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_a_hundred_messages_by_rest_and_socket_arrive_once_and_in_order(
    server: Server, pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    with (
        client_for(pat1, server) as rest,
        connect(server, pat1.token) as patient,
        connect(server, doc1.token) as provider,
    ):
        for n in range(50):
            sent = rest.post(f"/api/v1/conversations/{conversation}/messages", json={"content": f"rest {n}"})
            assert sent.status_code == 201
            provider.ask("message:new", {"conversationId": conversation, "content": f"socket {n}"})
        for socket in (patient, provider):
            events = [socket.next_event("message:new") for _ in range(100)]
            assert [event["seq"] for event in events] == list(range(1, 101))
            assert {event["data"]["content"] for event in events} == {
                f"{door} {n}" for door in ("rest", "socket") for n in range(50)
            }
            socket.nothing_arrives()
        page = rest.get(f"/api/v1/conversations/{conversation}/messages", params={"after": 0, "limit": 200}).json()
    assert [message["seq"] for message in page["results"]] == list(range(1, 101))
