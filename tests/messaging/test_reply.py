"""Replying: a quote of a message that the reader may see."""

from uuid import UUID, uuid4

import httpx

from messaging.models import Conversation, Membership
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import (
    answered,
    page,
    post,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person, client_for, make_person
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


def test_who_may_not_see_what_is_quoted_sees_no_word_of_it(
    server: Server, teacher: Person, as_teacher: httpx.Client
) -> None:
    """Who came later knows that something was quoted, as everybody who hears the event does."""
    room = room_of(teacher)
    early = send(as_teacher, room, "said before")
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=room, user=newcomer.user, joined_seq=2)
    answer = send(as_teacher, room, "an answer", replyToId=early["id"])
    assert answer["replyTo"]["preview"] == "said before"
    with client_for(newcomer, server) as client:
        [seen] = page(client, room)["results"]
        assert seen["replyTo"] == {"id": early["id"], "seq": 1, "senderId": str(teacher.id)}
        refused(post(client, room, "x", replyToId=early["id"]), 400, "invalid_reference")
    Conversation.objects.filter(pk=UUID(room)).update(history="all")
    with client_for(newcomer, server) as client:
        assert page(client, room)["results"][1]["replyTo"]["preview"] == "said before"


def test_a_quote_follows_what_it_quotes(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    question = send(patient, c1, "first")
    send(doctor, c1, "answer", replyToId=question["id"])
    answered(patient.patch(f"/api/v1/messages/{question['id']}", json={"content": "second"}))
    assert page(doctor, c1)["results"][1]["replyTo"]["preview"] == "second"


def test_a_reply_in_a_thread_may_quote(patient: httpx.Client, c1: str) -> None:
    root = send(patient, c1, "root")
    first = send(patient, c1, "first", threadRootId=root["id"])
    second = send(patient, c1, "second", threadRootId=root["id"], replyToId=first["id"])
    assert (second["threadRootId"], second["replyTo"]["preview"]) == (root["id"], "first")
