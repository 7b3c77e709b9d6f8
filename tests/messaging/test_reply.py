"""Replying: a quote of a message that the reader may see."""

from uuid import uuid4

import httpx

from tests.live import Server
from tests.messaging.talking import (
    answered,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person
from tests.sockets import connect


def test_a_reply_shows_the_beginning_of_what_it_quotes_only_to_who_asks(
    server: Server, doc1: Person, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    question = send(patient, c1, "q" * 300)
    with connect(server, doc1.token) as client:
        answer = send(doctor, c1, "Yes.", replyToId=question["id"])
        quote = {"id": question["id"], "seq": 1, "senderId": question["senderId"]}
        assert client.next_event("message:new")["data"]["replyTo"] == quote
    assert answer["replyTo"] == {**quote, "preview": "q" * 100}
    assert page(patient, c1)["results"][1]["replyTo"] == answer["replyTo"]
    answered(patient.delete(f"/api/v1/messages/{question['id']}"))
    assert page(patient, c1)["results"][1]["replyTo"] == {**quote, "preview": None}


def test_what_cannot_be_quoted_is_refused_with_the_same_bytes(
    stranger: httpx.Client, patient: httpx.Client, c1: str, c2: str
) -> None:
    """T042."""
    foreign, gone = send(stranger, c2, "secret of C2"), send(patient, c1, "gone")
    answered(patient.delete(f"/api/v1/messages/{gone['id']}"))
    others = (foreign["id"], gone["id"], str(uuid4()))
    bodies = [refused(post(patient, c1, "x", replyToId=other), 400, "invalid_reference") for other in others]
    assert same_but_for_the_request_id(*bodies)
    assert "secret" not in str(bodies)
