"""Reading messages: pages by number, one message, and the record of who read what."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from pytest_django.fixtures import Settings

from core.limits import Rate
from messaging import querysets, services
from tests.live import Server
from tests.messaging.talking import (
    answered,
    contents,
    entries,
    entry_details,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person
from tests.sockets import Refusal, connect

NUMBERS = [f"number {n}" for n in range(1, 121)]


def seqs(found: dict[str, list[dict[str, int]]]) -> list[int]:
    return [message["seq"] for message in found["results"]]


@pytest.mark.core
def test_the_newest_page_and_the_pages_before_it(doc1: Person, c1: str, patient: httpx.Client) -> None:
    say(doc1, c1, *NUMBERS)
    newest = page(patient, c1)
    assert seqs(newest) == list(range(71, 121))
    assert (newest["hasMore"], newest["headSeq"]) == (True, 120)
    assert contents(newest["results"]) == NUMBERS[70:]
    assert seqs(page(patient, c1, before=71, limit=70)) == list(range(1, 71))
    assert page(patient, c1, before=71, limit=70)["hasMore"] is False
    assert seqs(page(patient, c1, before=5, limit=2)) == [3, 4]
    assert seqs(page(patient, c1, before=1)) == []
    assert seqs(page(patient, c1, before=100_000, limit=1)) == [120]


@pytest.mark.core
def test_the_pages_after_a_number(doc1: Person, c1: str, patient: httpx.Client) -> None:
    say(doc1, c1, *NUMBERS)
    first = page(patient, c1, after=0, limit=3)
    assert (seqs(first), first["hasMore"]) == ([1, 2, 3], True)
    last = page(patient, c1, after=100, limit=200)
    assert (seqs(last), last["hasMore"]) == (list(range(101, 121)), False)
    assert seqs(page(patient, c1, after=120)) == []


def test_an_exact_page_has_no_more(doc1: Person, c1: str, patient: httpx.Client) -> None:
    say(doc1, c1, *NUMBERS[:50])
    assert page(patient, c1)["hasMore"] is False
    assert page(patient, c1, after=0)["hasMore"] is False
    assert page(patient, c1, limit=49)["hasMore"] is True


def test_over_a_socket_the_page_is_the_same(
    server: Server, doc1: Person, pat1: Person, c1: str, patient: httpx.Client
) -> None:
    say(doc1, c1, *NUMBERS[:10])
    with connect(server, pat1.token) as client:
        for asked in ({}, {"before": 4}, {"after": 4, "limit": 3}):
            reply = client.ask("conversation:messages", {"conversationId": c1, **asked})
            assert reply == page(patient, c1, **asked)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"before": 5, "after": 1}, "invalid"),
        ({"before": 0}, "invalid"),
        ({"before": -1}, "invalid"),
        ({"before": "x"}, "invalid"),
        ({"after": "1.5"}, "invalid"),
        ({"limit": 0}, "invalid"),
        ({"limit": 201}, "invalid"),
        ({"before": 2**63}, "invalid"),
        ({"offset": 3}, "unknown_param"),
        ({"Before": 3}, "unknown_param"),
    ],
    ids=str,
)
def test_what_makes_no_page_is_refused(patient: httpx.Client, c1: str, params: dict[str, Any], code: str) -> None:
    refused(patient.get(f"/api/v1/conversations/{c1}/messages", params=params), 400, code)


def test_over_a_socket_numbers_are_numbers(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as client:
        for asked in ({"limit": "5"}, {"limit": True}, {"before": 1.0}, {"before": 1, "after": 1}, {"limit": None}):
            with pytest.raises(Refusal, match="invalid"):
                client.ask("conversation:messages", {"conversationId": c1, **asked})


def test_one_message_by_its_id(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    assert answered(doctor.get(f"/api/v1/messages/{message['id']}")) == message


@pytest.mark.parametrize("id", ["not-a-uuid", "1", "0" * 32])
def test_an_id_that_is_none_is_not_found(patient: httpx.Client, id: str) -> None:
    refused(patient.get(f"/api/v1/messages/{id}"), 404, "not_found")
    refused(patient.get(f"/api/v1/conversations/{id}/messages"), 404, "not_found")


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    """T039."""
    message = send(patient, c1)
    random = "01890000-0000-7000-8000-000000000000"
    for address in (f"messages/{message['id']}", f"conversations/{c1}/messages"):
        ours = stranger.get(f"/api/v1/{address}")
        other = stranger.get(f"/api/v1/{address.replace(c1, random).replace(message['id'], random)}")
        assert same_but_for_the_request_id(refused(ours, 404, "not_found"), refused(other, 404, "not_found"))


@pytest.mark.core
def test_each_page_is_one_entry_with_the_range_that_was_read(
    server: Server, doc1: Person, pat1: Person, c1: str, patient: httpx.Client
) -> None:
    say(doc1, c1, *NUMBERS[:20])
    page(patient, c1, before=11, limit=4)
    page(patient, c1)
    with connect(server, pat1.token) as client:
        client.ask("conversation:messages", {"conversationId": c1, "after": 18})
    viewed = entries("messages.viewed", pat1)
    assert [(str(entry.conv), entry.outcome) for entry in viewed] == [(c1, "allow")] * 3
    assert [entry_details(entry) for entry in viewed] == [
        {"from_seq": 7, "to_seq": 10},
        {"from_seq": 1, "to_seq": 20},
        {"from_seq": 19, "to_seq": 20},
    ]


def is_reply_to(id: str, frame: dict[str, Any]) -> bool:
    return frame.get("replyTo") == id


def test_who_asks_at_the_same_time_gets_their_own_answer_and_entry(
    server: Server, doc1: Person, pat1: Person, pat2: Person, c1: str
) -> None:
    """They are read together and recorded together; a refusal among them is one person's."""
    say(doc1, c1, *NUMBERS[:30])
    nothing = "01890000-0000-7000-8000-000000000000"
    with connect(server, pat1.token) as member, connect(server, pat2.token) as stranger:
        for n in range(10):
            member.send({"id": f"{n}", "event": "conversation:messages", "data": {"conversationId": c1, "after": n}})
            for place in (c1, nothing):
                stranger.send({"id": f"{n}", "event": "conversation:messages", "data": {"conversationId": place}})
        for n in range(10):
            reply = member.next_frame_where(partial(is_reply_to, f"{n}"))
            assert seqs(reply["data"]) == list(range(n + 1, 31))
        refusals = [stranger.next_frame_where(lambda frame: "replyTo" in frame) for _ in range(20)]
    assert {refusal["error"]["code"] for refusal in refusals} == {"not_found"}
    read = [entry_details(entry)["from_seq"] for entry in entries("messages.viewed", pat1)]
    assert sorted(read) == list(range(1, 11))
    assert entries("messages.viewed", pat2) == []


def test_one_message_is_an_entry_that_names_it(pat1: Person, doc1: Person, c1: str, patient: httpx.Client) -> None:
    [message] = say(doc1, c1, "x")
    answered(patient.get(f"/api/v1/messages/{message['id']}"))
    [viewed] = entries("messages.viewed", pat1)
    assert viewed.object == message["id"]


def test_an_empty_page_is_no_reading(pat1: Person, c1: str, patient: httpx.Client) -> None:
    assert page(patient, c1) == {"results": [], "hasMore": False, "headSeq": 0}
    assert entries("messages.viewed", pat1) == []


def test_what_cannot_be_recorded_is_not_shown(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, request: pytest.FixtureRequest
) -> None:
    message = send(patient, c1, "secret")
    with connect(server, pat1.token) as client:
        request.getfixturevalue("log_cannot_be_written")
        for address in (f"messages/{message['id']}", f"conversations/{c1}/messages", f"conversations/{c1}/events"):
            response = patient.get(f"/api/v1/{address}")
            refused(response, 503, "audit_unavailable")
            assert "secret" not in response.text
        for event in ("conversation:messages", "conversation:events"):
            with pytest.raises(Refusal, match="audit_unavailable"):
                client.ask(event, {"conversationId": c1})


def test_nor_are_pages_that_were_read_together(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, request: pytest.FixtureRequest
) -> None:
    send(patient, c1, "secret")
    with connect(server, pat1.token) as client:
        request.getfixturevalue("log_cannot_be_written")
        for n in range(10):
            client.send({"id": f"{n}", "event": "conversation:messages", "data": {"conversationId": c1}})
        replies = [client.next_frame_where(lambda frame: "replyTo" in frame) for _ in range(10)]
    assert {reply["error"]["code"] for reply in replies} == {"audit_unavailable"}
    assert "secret" not in str(replies)


def test_pages_reach_both_ends_over_hundreds_of_tombstones(
    doc1: Person, c1: str, doctor: httpx.Client, settings: Settings
) -> None:
    """T074."""
    settings.LIMITS = dict.fromkeys(settings.LIMITS, Rate(100_000, 60))
    actor = doc1.actor

    async def talk() -> None:
        sends = [
            services.send_message(actor=actor, conversation_id=UUID(c1), content=str(number))
            for number in range(1, 1001)
        ]
        await asyncio.gather(*sends)

    asyncio.run(talk())
    for row in querysets.page(doc1.id, UUID(c1), None, 299, 401):
        services.delete_message(actor=actor, subject=row)
    upwards, downwards = [0], [1001]
    while (found := page(doctor, c1, after=upwards[-1], limit=100))["results"]:
        upwards += seqs(found)
        assert found["hasMore"] is (upwards[-1] < 1000)
    while (found := page(doctor, c1, before=downwards[-1], limit=100))["results"]:
        downwards += seqs(found)[::-1]
        assert found["hasMore"] is (downwards[-1] > 1)
    assert upwards == [*range(1001)]
    assert downwards == [*range(1001, 0, -1)]
    assert contents(page(doctor, c1, after=298, limit=3)["results"]) == ["299", None, None]
