"""Looking at a conversation: `conversation:join` and its kin, which belong to one connection."""

from typing import Any
from uuid import UUID

import pytest

from realtime.hub import hub
from tests.live import Server
from tests.messaging.talking import answered, entries, open_room
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import Client, Refusal, connect

pytestmark = pytest.mark.core

RANDOM = "01890000-0000-7000-8000-000000000000"


def look(client: Client, conversation_id: str) -> list[str]:
    """Look at it; who looks then."""
    return active(client, conversation_id, "conversation:join")


def active(client: Client, conversation_id: str, event: str = "conversation:active-members") -> list[str]:
    reply = client.ask(event, {"conversationId": conversation_id})
    assert reply.keys() == {"conversationId", "userIds"}
    assert reply["conversationId"] == conversation_id
    user_ids: list[str] = reply["userIds"]
    return user_ids


def ids(*people: Person) -> list[str]:
    return sorted(str(person.id) for person in people)


def nobody_looks(conversation_id: str) -> bool:
    return not hub.views.users(UUID(conversation_id))


def test_who_looks_is_told_who_else_does(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    with connect(server, pat1.token) as patient, connect(server, doc1.token) as doctor:
        assert active(patient, c1) == []
        assert look(patient, c1) == ids(pat1)
        assert look(doctor, c1) == ids(pat1, doc1)
        assert active(patient, c1) == ids(pat1, doc1)
        assert look(doctor, c1) == ids(pat1, doc1), "a repeat changes nothing"
        assert active(doctor, c1, "conversation:leave") == ids(pat1)
        assert active(doctor, c1, "conversation:leave") == ids(pat1), "a repeat changes nothing"
        doctor.nothing_arrives(0.05)


def test_who_has_looked_away_can_look_again(server: Server, pat1: Person, c1: str) -> None:
    with connect(server, pat1.token) as patient:
        for _ in range(3):
            assert look(patient, c1) == ids(pat1)
            assert active(patient, c1, "conversation:leave") == []


def test_a_person_looks_until_their_last_connection_does_not(
    server: Server, pat1: Person, doc1: Person, c1: str
) -> None:
    with connect(server, doc1.token) as doctor, connect(server, pat1.token) as desk:
        with connect(server, pat1.token) as phone:
            look(desk, c1)
            look(phone, c1)
            assert active(desk, c1, "conversation:leave") == ids(pat1), "the telephone still shows it"
            look(desk, c1)
        server.sees(lambda: len(hub.sockets_of(pat1.id)) == 1)
        assert active(doctor, c1) == ids(pat1)
        assert active(desk, c1, "conversation:leave") == []


def test_a_view_ends_with_its_connection(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    with connect(server, doc1.token) as doctor:
        with connect(server, pat1.token) as patient:
            look(patient, c1)
            assert active(doctor, c1) == ids(pat1)
        server.sees(lambda: nobody_looks(c1))
        assert active(doctor, c1) == []


def test_several_conversations_at_once(server: Server, doc1: Person, pat1: Person, pat2: Person, c1: str) -> None:
    other = open_clinical(pat2, doc1)
    with connect(server, doc1.token) as doctor, connect(server, pat1.token) as patient:
        look(patient, c1)
        reply = doctor.ask("conversation:join-multiple", {"conversationIds": [other, c1, other]})
        assert reply["results"] == [
            {"conversationId": other, "userIds": ids(doc1)},
            {"conversationId": c1, "userIds": ids(doc1, pat1)},
        ]
        assert active(patient, c1) == ids(doc1, pat1)


def test_with_one_that_is_not_ones_own_none_is_looked_at(
    server: Server, doc1: Person, pat1: Person, c1: str, c2: str
) -> None:
    with connect(server, pat1.token) as patient:
        errors = []
        for strange in (c2, RANDOM):
            with pytest.raises(Refusal) as refusal:
                patient.ask("conversation:join-multiple", {"conversationIds": [c1, strange]})
            errors.append(refusal.value.error)
        assert errors[0] == errors[1]
        assert errors[0]["code"] == "not_found"
        assert active(patient, c1) == []
        assert [str(entry.object) for entry in entries("access.denied", pat1)] == [c2, RANDOM]


@pytest.mark.parametrize(
    "wrong", [[], ["x"], [None], "x", None, [RANDOM] * 101], ids=["none", "no id", "null", "text", "nothing", "101"]
)
def test_what_is_no_list_of_up_to_100_ids_is_refused(server: Server, pat1: Person, c1: str, wrong: Any) -> None:
    with connect(server, pat1.token) as patient:
        with pytest.raises(Refusal, match="invalid"):
            patient.ask("conversation:join-multiple", {"conversationIds": wrong})
        assert patient.ask("conversation:join-multiple", {"conversationIds": [c1] * 100})["results"]


def test_a_stranger_gets_404_like_a_random_id(server: Server, pat2: Person, pat1: Person, c1: str) -> None:
    with connect(server, pat2.token) as stranger, connect(server, pat1.token) as patient:
        look(patient, c1)
        for event in ("conversation:join", "conversation:leave", "conversation:active-members"):
            errors = [stranger.ask_raw(event, {"conversationId": one})["error"] for one in (c1, RANDOM)]
            assert errors[0] == errors[1]
            assert errors[0]["code"] == "not_found"
        assert active(patient, c1) == ids(pat1)


def test_who_is_removed_looks_no_more(server: Server, pat1: Person, doc1: Person) -> None:
    room = open_room(doc1, pat1)
    with client_for(doc1, server) as rest, connect(server, pat1.token) as removed, connect(server, doc1.token) as owner:
        look(removed, room)
        assert look(owner, room) == ids(pat1, doc1)
        assert rest.delete(f"/api/v1/conversations/{room}/members/{pat1.id}").status_code == 204
        assert active(owner, room) == ids(doc1)
        removed.next_event("conversation:removed")
        assert hub.views.users(UUID(room)) == {doc1.id}, "the view has ended, and is not only hidden"
        with pytest.raises(Refusal, match="not_found"):
            look(removed, room)


def test_who_comes_back_looks_only_when_they_say_so(server: Server, pat1: Person, doc1: Person) -> None:
    room = open_room(doc1, pat1)
    with client_for(doc1, server) as rest, connect(server, pat1.token) as guest, connect(server, doc1.token) as owner:
        look(guest, room)
        assert rest.delete(f"/api/v1/conversations/{room}/members/{pat1.id}").status_code == 204
        guest.next_event("conversation:removed")
        answered(rest.post(f"/api/v1/conversations/{room}/members", json={"userIds": [str(pat1.id)]}), 201)
        guest.next_event("conversation:added")
        assert active(owner, room) == []
        assert look(guest, room) == ids(pat1)


def test_nobody_looks_at_a_conversation_that_was_deleted(server: Server, doc1: Person, c1: str) -> None:
    with client_for(doc1, server) as rest, connect(server, doc1.token) as doctor:
        look(doctor, c1)
        assert rest.delete(f"/api/v1/conversations/{c1}").status_code == 204
        server.sees(lambda: nobody_looks(c1))


def test_of_two_who_are_blocked_neither_sees_the_other_look(server: Server, doc1: Person, doc2: Person) -> None:
    with client_for(doc1, server) as rest, connect(server, doc1.token) as one, connect(server, doc2.token) as other:
        asked = {"kind": "direct", "userId": str(doc2.id)}
        direct = answered(rest.post("/api/v1/conversations", json=asked), 201)["id"]
        room = open_room(doc1, doc2)
        for conversation_id in (direct, room):
            look(one, conversation_id)
            assert look(other, conversation_id) == ids(doc1, doc2)
        assert rest.put(f"/api/v1/users/{doc2.id}/block").is_success
        assert active(one, direct) == ids(doc1)
        assert active(other, direct) == ids(doc2)
        assert active(other, room) == ids(doc1, doc2), "rooms stay as they are"


def test_a_large_room_lists_those_who_look(server: Server, doc1: Person) -> None:
    people = [make_person(f"guest{n}") for n in range(6)]
    room = open_room(doc1, *people)
    clients = [connect(server, person.token) for person in people]
    for client in clients:
        look(client, room)
    assert active(clients[0], room) == ids(*people)
