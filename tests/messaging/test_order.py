"""Many people, many devices, one order."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.live import Server
from tests.messaging.talking import (
    contents,
    open_room,
    page,
    reply_to,
    say,
)
from tests.people import Person, sign_in
from tests.sockets import connect


def test_messages_of_one_socket_keep_their_order(server: Server, pat1: Person, c1: str, doctor: httpx.Client) -> None:
    with connect(server, pat1.token) as client:
        for number in range(40):
            data = {"conversationId": c1, "content": f"number {number}"}
            client.send({"id": f"o{number}", "event": "message:new", "data": data})
        for number in range(40):
            reply_to(client, f"o{number}")
    assert contents(page(doctor, c1)["results"]) == [f"number {number}" for number in range(40)]


def test_everybody_sees_the_same_order_without_gaps(
    server: Server, pat1: Person, doc1: Person, pat2: Person, doc2: Person
) -> None:
    """T119, smaller: four senders at the same time, five receivers."""
    people, each = [pat1, doc1, pat2, doc2], 25
    room = open_room(*people)
    receivers = [connect(server, person.token) for person in people]
    receivers.append(connect(server, sign_in(pat1).access))
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda person: say(person, room, *[f"{person.username} {n}" for n in range(each)]), people))
        seen = [[r.next_event("message:new") for _ in range(each * 4)] for r in receivers]
    finally:
        for receiver in receivers:
            receiver.close()
    assert [event["seq"] for event in seen[0]] == list(range(1, each * 4 + 1))
    assert all(other == seen[0] for other in seen)
    for person in people:
        texts = [event["data"]["content"] for event in seen[0] if event["actorId"] == str(person.id)]
        assert texts == [f"{person.username} {n}" for n in range(each)]


def test_each_device_sees_a_message_once_and_as_the_reply_has_it(server: Server, pat1: Person, c1: str) -> None:
    """T120."""
    tokens = [pat1.token, sign_in(pat1).access, sign_in(pat1).access]
    with connect(server, tokens[0]) as one, connect(server, tokens[1]) as two, connect(server, tokens[2]) as three:
        reply = one.ask("message:new", {"conversationId": c1, "content": "from one of three"})
        for device in (one, two, three):
            event = device.next_event("message:new")
            assert (event["data"], event["seq"]) == (reply, reply["seq"])
            device.nothing_arrives(0.1)
