"""The same request by REST and by WebSocket: the same answer, the same event for everybody, the same refusal."""

from typing import Any

import httpx
import pytest

from tests.doors.asking import ASKS, BY_BOTH, Json, Made, refusal_by_socket
from tests.live import Server
from tests.messaging.talking import answered, say
from tests.people import Person, make_person, open_clinical
from tests.sockets import Client, connect

ONCE_ONLY = {"id", "conversationId", "messageId", "createdAt", "editedAt", "deletedAt", "at", "readAt", "deliveredAt"}
"""Fields that differ between two runs of anything."""


def bare(value: Any) -> Any:
    """Without what is different each time."""
    if isinstance(value, dict):
        return {name: bare(inner) for name, inner in value.items() if name not in ONCE_ONLY}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def fresh(doc1: Person, number: int) -> tuple[Person, dict[str, str]]:
    """Another patient of the doctor's, with one message from the doctor."""
    patient = make_person(f"patient-{number}", "patient")
    conversation_id = open_clinical(patient, doc1)
    [message] = say(doc1, conversation_id, "the only message")
    return patient, {"conversation": conversation_id, "message": str(message["id"]), "nothing": ""}


def told(client: Client, doc1: Person, conversation_id: str) -> list[Json]:
    """What this socket is told before a last message, without the announcement of the conversation."""
    say(doc1, conversation_id, "the end")
    frames: list[Json] = []
    while not frames or frames[-1]["data"].get("content") != "the end":
        frames.append(client.next_event())
    return [bare(frame) for frame in frames if frame["event"] != "conversation:added"]


@pytest.mark.core
@pytest.mark.parametrize("name", BY_BOTH)
def test_both_doors_do_the_same(server: Server, doc1: Person, doctor: httpx.Client, name: str) -> None:
    ask = ASKS[name]
    (one, by_rest), (other, by_socket) = fresh(doc1, 1), fresh(doc1, 2)
    with connect(server, one.token) as seen_of_rest, connect(server, other.token) as seen_of_socket:
        response = ask.by_rest(doctor, by_rest[ask.subject])
        assert response.status_code in {200, 201}, response.text
        with connect(server, doc1.token) as client:
            reply = client.ask(name, ask.data(by_socket[ask.subject]))
        assert bare(reply) == bare(response.json())
        told_of_rest = told(seen_of_rest, doc1, by_rest["conversation"])
        assert told_of_rest == told(seen_of_socket, doc1, by_socket["conversation"])


REFUSED: list[tuple[str, Json]] = [
    ("message:new", {"content": ""}),
    ("message:new", {"content": "a\x00"}),
    ("message:new", {"content": "x" * 5001}),
    ("message:new", {"content": None}),
    ("message:new", {"type": "system"}),
    ("message:new", {"clientMessageId": "é"}),
    ("message:new", {"replyToId": "01890000-0000-7000-8000-000000000000"}),
    ("message:edit", {"content": "<b></b>"}),
    ("message:edit", {"content": ["x"]}),
    ("message:read", {"seq": 99}),
    ("message:read", {"seq": 0}),
    ("message:delivered", {"seq": "1"}),
]


@pytest.mark.core
@pytest.mark.parametrize(("name", "wrong"), REFUSED, ids=str)
def test_both_doors_refuse_the_same(
    server: Server, doc1: Person, doctor: httpx.Client, made: Made, name: str, wrong: Json
) -> None:
    ask = ASKS[name]
    problem = ask.by_rest(doctor, made(ask.subject), **wrong).json()
    with connect(server, doc1.token) as client:
        error = refusal_by_socket(client, name, ask.data(made(ask.subject), **wrong))
    assert error == {name: problem[name] for name in ("code", "detail", "errors") if name in problem}


@pytest.mark.core
def test_what_is_not_ones_own_is_forbidden_at_both(
    server: Server, pat1: Person, made: Made, doctor: httpx.Client
) -> None:
    with connect(server, pat1.token) as client:
        for name in ("message:edit", "message:delete"):
            assert refusal_by_socket(client, name, ASKS[name].data(made("message")))["code"] == "forbidden"
    message = answered(doctor.get(f"/api/v1/messages/{made('message')}"))
    assert (message["content"], message["isEdited"]) == ("the only message", False)
