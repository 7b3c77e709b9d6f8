"""Walks the registry: what can be asked is refused to outsiders and to nobody, limited, and strict, at each door."""

from typing import Any

import httpx
import pytest
from pytest_django.fixtures import Settings

from core.doors import receives
from core.limits import Rate
from tests.doors.asking import ASKS, BY_BOTH, BY_REST, BY_SOCKET, RANDOM, WITH_SUBJECT, Made, refusal_by_socket
from tests.live import Server
from tests.messaging.talking import entries, refused, same_but_for_the_request_id
from tests.people import Person, anonymous_client
from tests.sockets import connect

REST_SUBJECTS = [name for name in WITH_SUBJECT if name in BY_REST]
SOCKET_SUBJECTS = [name for name in WITH_SUBJECT if name in BY_SOCKET]
SOCKET_ONLY = sorted({*BY_SOCKET} - {*BY_REST})

WRONG: list[Any] = [[], "x", None, 5]
"""What a broken client sends as data."""


@pytest.mark.no_database
def test_every_declaration_is_walked() -> None:
    assert receives.keys() == ASKS.keys()


@pytest.mark.core
@pytest.mark.parametrize("name", REST_SUBJECTS)
def test_an_outsider_gets_404_like_a_random_id_and_each_time_an_entry(
    stranger: httpx.Client, pat2: Person, made: Made, name: str
) -> None:
    ask = ASKS[name]
    problems = [refused(ask.by_rest(stranger, one), 404, "not_found") for one in (made(ask.subject), RANDOM)]
    assert same_but_for_the_request_id(*problems)
    denied = entries("access.denied", pat2)
    assert [str(entry.object) for entry in denied] == [made(ask.subject), RANDOM]
    assert {(entry.outcome, entry.reason) for entry in denied} == {("deny", "not_found")}


@pytest.mark.core
@pytest.mark.parametrize("name", SOCKET_SUBJECTS)
def test_an_outsiders_socket_gets_the_same(server: Server, pat2: Person, made: Made, name: str) -> None:
    ask = ASKS[name]
    with connect(server, pat2.token) as client:
        ours, random = (refusal_by_socket(client, name, ask.data(one)) for one in (made(ask.subject), RANDOM))
        assert ours == random
        assert ours["code"] == "not_found"
        client.nothing_arrives(0.05)
    denied = entries("access.denied", pat2)
    assert [str(entry.object) for entry in denied] == [made(ask.subject), RANDOM]


@pytest.mark.core
@pytest.mark.parametrize("name", BY_REST)
def test_nobody_is_refused(server: Server, made: Made, name: str) -> None:
    ask = ASKS[name]
    with anonymous_client(server) as client:
        refused(ask.by_rest(client, made(ask.subject)), 401, "unauthenticated")
        bad_token = {"authorization": "Bearer nonsense"}
        response = client.request(ask.method, ask.address(RANDOM), headers=bad_token)
        refused(response, 401, "token_invalid")


@pytest.mark.parametrize("name", BY_SOCKET)
def test_nobodys_socket_is_closed(server: Server, made: Made, name: str) -> None:
    with connect(server) as client:
        client.send({"id": "x", "event": name, "data": ASKS[name].data(made(ASKS[name].subject))})
        assert client.closed_with() == 4401


@pytest.mark.parametrize("name", BY_REST)
def test_the_limit_bites(doctor: httpx.Client, made: Made, settings: Settings, name: str) -> None:
    ask = ASKS[name]
    settings.LIMITS = {**settings.LIMITS, receives[name].limit: Rate(1, 60)}
    first = ask.by_rest(doctor, made(ask.subject)).status_code
    assert first == 404 if ask.in_vain else first not in {401, 404, 429}
    refused(ask.by_rest(doctor, made(ask.subject)), 429, "rate_limited")


@pytest.mark.parametrize("name", SOCKET_ONLY)
def test_the_limit_bites_over_a_socket(server: Server, doc1: Person, made: Made, settings: Settings, name: str) -> None:
    ask = ASKS[name]
    with connect(server, doc1.token) as client:
        settings.LIMITS = {**settings.LIMITS, receives[name].limit: Rate(1, 60)}
        client.ask(name, ask.data(made(ask.subject)))
        error = refusal_by_socket(client, name, ask.data(made(ask.subject)))
    assert error["code"] == "rate_limited"


@pytest.mark.parametrize("name", BY_BOTH)
def test_the_limit_is_one_for_both_doors(
    server: Server, doctor: httpx.Client, doc1: Person, made: Made, settings: Settings, name: str
) -> None:
    ask = ASKS[name]
    settings.LIMITS = {**settings.LIMITS, receives[name].limit: Rate(1, 60)}
    ask.by_rest(doctor, made(ask.subject))
    with connect(server, doc1.token) as client:
        error = refusal_by_socket(client, name, ask.data(made(ask.subject)))
    assert error["code"] == "rate_limited"
    assert error["retryAfterMs"] > 0


@pytest.mark.parametrize("name", BY_REST)
def test_a_field_that_does_not_exist_is_refused(doctor: httpx.Client, made: Made, name: str) -> None:
    ask = ASKS[name]
    code = "unknown_param" if ask.body is None else "unknown_field"
    refused(ask.by_rest(doctor, made(ask.subject), surprise=1), 400, code)


@pytest.mark.parametrize("name", BY_SOCKET)
def test_over_a_socket_too(server: Server, doc1: Person, made: Made, name: str) -> None:
    ask = ASKS[name]
    with connect(server, doc1.token) as client:
        error = refusal_by_socket(client, name, ask.data(made(ask.subject), surprise=1))
        assert error["code"] == "unknown_field"
        for wrong in WRONG:
            reply = client.ask_raw(name, wrong)
            assert reply["error"]["code"] == "invalid"
        error = refusal_by_socket(client, name, {})
        required = {field for field, shape in receives[name].schema().fields.items() if shape.required}
        assert {one["field"] for one in error["errors"]} == required
        assert {one["code"] for one in error["errors"]} == {"required"}


@pytest.mark.parametrize("name", sorted(set(ASKS) - set(BY_SOCKET)))
def test_what_is_for_rest_only_is_unknown_to_sockets(server: Server, doc1: Person, made: Made, name: str) -> None:
    with connect(server, doc1.token) as client:
        error = refusal_by_socket(client, name, ASKS[name].data(made(ASKS[name].subject)))
    assert error["code"] == "unknown_event"
