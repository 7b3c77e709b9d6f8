"""Who may know who is there: people one shares a conversation with now, unless one of the two has blocked the other."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import services
from accounts.models import Block, User
from accounts.services.presence import count_online, presence_for
from core.actor import SYSTEM
from messaging.models import Membership
from tests.accounts.presence import API, is_there, subscribe, told
from tests.live import Server
from tests.messaging.talking import entries, refused, same_but_for_the_request_id
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import Client, Refusal, connect

RANDOM = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def quick(settings: Settings) -> None:
    settings.RECONNECT_GRACE = 0.4


@pytest.fixture(autouse=True)
def c1(pat1: Person, doc1: Person) -> str:
    return open_clinical(pat1, doc1)


@pytest.fixture
def doctor(server: Server, doc1: Person, pat1: Person) -> Iterator[Client]:
    with connect(server, doc1.token) as client:
        subscribe(client, pat1)
        yield client


def block(blocker: Person, blocked: Person) -> None:
    Block.objects.create(blocker=blocker.user, blocked=blocked.user)


def part(person: Person) -> None:
    """They are in no conversation any more."""
    Membership.objects.filter(user=person.id).delete()


def refusal(client: Client, event: str, *user_ids: object) -> dict[str, Any]:
    with pytest.raises(Refusal) as caught:
        client.ask(event, {"userIds": [str(one) for one in user_ids]})
    return caught.value.error


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id_by_rest(server: Server, pat1: Person, doc2: Person) -> None:
    with client_for(doc2, server) as client, connect(server, pat1.token):
        problems = [refused(client.get(f"{API}/presence/{one}"), 404, "not_found") for one in (pat1.id, RANDOM)]
    assert same_but_for_the_request_id(*problems)
    assert [str(entry.object) for entry in entries("access.denied", doc2)] == [str(pat1.id), RANDOM]


@pytest.mark.core
def test_naming_one_stranger_subscribes_to_nobody(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    """T060."""
    with connect(server, doc1.token) as client:
        ours, random = (refusal(client, "presence:subscribe", pat1.id, one) for one in (doc2.id, RANDOM))
        assert ours == random
        assert ours["code"] == "not_found"
        with connect(server, pat1.token), connect(server, doc2.token):
            server.sees(lambda: is_there(server, pat1.id, doc2.id))
            client.nothing_arrives()


@pytest.mark.core
def test_a_thousand_random_people_are_too_many_and_all_strangers(server: Server, doc1: Person) -> None:
    """T060."""
    with connect(server, doc1.token) as client:
        assert refusal(client, "presence:subscribe", *(uuid4() for _ in range(1000)))["code"] == "invalid"
        for _ in range(5):
            assert refusal(client, "presence:subscribe", *(uuid4() for _ in range(200)))["code"] == "not_found"


def test_a_list_leaves_strangers_out(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    with client_for(doc1, server) as client, connect(server, doc2.token):
        named = ",".join([str(pat1.id), str(doc2.id), RANDOM, str(doc1.id), str(pat1.id)])
        results = client.get(f"{API}/presence", params={"userIds": named}).json()["results"]
    assert [one["userId"] for one in results] == sorted([str(pat1.id), str(doc1.id)])
    assert {one["status"] for one in results} == {"offline"}


@pytest.mark.parametrize("named", ["", "x", f"{RANDOM},", ",".join([RANDOM] * 201)])
def test_a_list_names_1_to_200_people(server: Server, doc1: Person, named: str) -> None:
    with client_for(doc1, server) as client:
        refused(client.get(f"{API}/presence", params={"userIds": named}), 400, "invalid")
        refused(client.get(f"{API}/presence"), 400, "invalid")
        refused(client.get(f"{API}/presence", params={"userIds": RANDOM, "user": RANDOM}), 400, "unknown_param")


@pytest.mark.core
@pytest.mark.parametrize("blocker", ["pat1", "doc1"])
def test_who_blocked_or_was_blocked_is_a_stranger(
    server: Server, pat1: Person, doc1: Person, blocker: str, doctor: Client
) -> None:
    one, other = (pat1, doc1) if blocker == "pat1" else (doc1, pat1)
    block(one, other)
    with client_for(doc1, server) as client, connect(server, pat1.token):
        problems = [refused(client.get(f"{API}/presence/{who}"), 404, "not_found") for who in (pat1.id, RANDOM)]
        assert same_but_for_the_request_id(*problems)
        assert client.get(f"{API}/presence", params={"userIds": str(pat1.id)}).json() == {"results": []}
        assert client.get(f"{API}/presence/online-count").json() == {"count": 0}
        doctor.nothing_arrives()
        assert refusal(doctor, "presence:subscribe", pat1.id)["code"] == "not_found"
        assert doctor.ask("presence:unsubscribe", {"userIds": [str(doc1.id)]}) == {"results": []}


@pytest.mark.core
def test_who_no_longer_shares_a_conversation_hears_nothing_more(
    server: Server, doctor: Client, pat1: Person, doc1: Person
) -> None:
    with connect(server, pat1.token) as patient:
        assert told(doctor)["status"] == "online"
        part(doc1)
        patient.ask("presence:update", {"status": "busy", "customStatus": "Unseen"})
        doctor.nothing_arrives()
    doctor.nothing_arrives(1.0)


def test_who_takes_a_block_back_hears_of_them_again(server: Server, doctor: Client, pat1: Person, doc1: Person) -> None:
    block(pat1, doc1)
    with connect(server, pat1.token) as patient:
        server.sees(lambda: is_there(server, pat1.id))
        doctor.nothing_arrives()
        Block.objects.all().delete()
        patient.ask("presence:update", {"status": "busy"})
        assert told(doctor)["status"] == "busy"


def test_of_two_who_subscribed_only_who_may_know_is_told(
    server: Server, doctor: Client, pat1: Person, doc1: Person, doc2: Person
) -> None:
    open_clinical(pat1, doc2)
    with connect(server, doc2.token) as other:
        subscribe(other, pat1)
        block(pat1, doc1)
        with connect(server, pat1.token):
            assert told(other)["status"] == "online"
            doctor.nothing_arrives()


def test_people_know_their_own_presence(server: Server, pat1: Person) -> None:
    part(pat1)
    with connect(server, pat1.token) as client, client_for(pat1, server) as rest:
        assert subscribe(client, pat1) == [{"userId": str(pat1.id), "status": "online"}]
        client.ask("presence:update", {"status": "busy"})
        assert told(client)["status"] == "busy"
        assert rest.get(f"{API}/presence/{pat1.id}").json()["status"] == "busy"


def test_who_unsubscribed_is_told_nothing(server: Server, doctor: Client, pat1: Person, doc1: Person) -> None:
    assert [one["userId"] for one in subscribe(doctor, doc1)] == sorted([str(pat1.id), str(doc1.id)])
    assert doctor.ask("presence:unsubscribe", {"userIds": [str(pat1.id), RANDOM]}) == {
        "results": [{"userId": str(doc1.id), "status": "online"}]
    }
    with connect(server, pat1.token):
        server.sees(lambda: is_there(server, pat1.id))
        doctor.nothing_arrives()


def test_a_connection_can_be_subscribed_to_so_many(
    server: Server, doc1: Person, doctor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.presence.MOST_WATCHED", 2)
    subscribe(doctor, doc1)
    third = make_person("third")
    open_clinical(third, doc1)
    assert refusal(doctor, "presence:subscribe", third.id)["code"] == "invalid"
    doctor.ask("presence:unsubscribe", {"userIds": [str(doc1.id)]})
    assert len(subscribe(doctor, third)) == 2


def test_subscriptions_end_with_their_connection(server: Server, doctor: Client) -> None:
    doctor.close()
    presence = server.hub.presence
    server.sees(lambda: not presence._watched and not presence._watching)


def test_the_online_count_counts_who_is_there_of_whom_one_knows(
    server: Server, pat1: Person, doc1: Person, pat2: Person, doc2: Person
) -> None:
    open_clinical(pat2, doc2)
    friends = [make_person(f"patient{n}") for n in range(3)]
    for friend in friends:
        open_clinical(friend, doc1)

    def count(client: httpx.Client) -> object:
        return client.get(f"{API}/presence/online-count").json()

    with client_for(doc1, server) as client:
        assert count(client) == {"count": 0}
        with ExitStack() as stack:
            here = [*friends[:2], doc1, doc2]
            one, *_ = [stack.enter_context(connect(server, who.token)) for who in here]
            server.sees(lambda: is_there(server, *(who.id for who in here)))
            assert count(client) == {"count": 2}
            one.ask("presence:update", {"status": "busy"})
            assert count(client) == {"count": 2}
            one.ask("presence:update", {"status": "offline"})
            server.sees(lambda: not is_there(server, friends[0].id))
            assert count(client) == {"count": 1}


def test_a_disabled_person_goes_like_everybody(server: Server, doctor: Client, pat1: Person) -> None:
    with connect(server, pat1.token):
        assert told(doctor)["status"] == "online"
        services.disable_user(actor=SYSTEM, user=pat1.user)
        assert told(doctor)["status"] == "offline"


def test_a_change_costs_one_query_however_many_subscribed(pat1: Person, doc1: Person) -> None:
    """And the count of who is there costs one however many there are."""
    doctors = [make_person(f"doctor{n}", "provider") for n in range(10)]
    for doctor in doctors:
        open_clinical(pat1, doctor)
    for watchers in ([doc1.id], [doc1.id, *(doctor.id for doctor in doctors)]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            data, allowed = presence_for(pat1.id, "online", watchers)
        assert len(queries) == 1
        assert allowed == {*watchers}
        assert data == {"userId": str(pat1.id), "status": "online"}
    actor = pat1.actor
    with CaptureQueriesContext(connection) as queries:
        assert count_online(actor=actor, subject=actor) == {"count": 0}
    assert len(queries) == 1


def test_a_damaged_custom_status_hides_nobody(pat1: Person, doc1: Person, tamper: Any) -> None:
    user = User.objects.get(id=pat1.id)
    user.custom_status = "Here"
    user.save(update_fields=["custom_status"])
    assert presence_for(pat1.id, "online", [])[0]["customStatus"] == "Here"
    assert tamper("UPDATE accounts_user SET custom_status = %s WHERE id = %s", [b"\x01" * 60, _stored(pat1)]) == 1
    assert presence_for(pat1.id, "online", [])[0] == {"userId": str(pat1.id), "status": "online"}


def _stored(person: Person) -> object:
    return person.id if connection.vendor == "postgresql" else person.id.hex
