"""How many statements it costs to be in rooms: the same for two members and for hundreds."""

import json
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from messaging.models import Membership
from tests.messaging.rooms import room_of
from tests.people import Person, bearer, make_person
from tests.statements import cost, get, statements, watched

__all__ = ["watched"]

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="statements are counted in PostgreSQL's driver"
)

CROWD = 60


@pytest.fixture
def crowd() -> list[Person]:
    return [make_person(f"student-{number}", "student") for number in range(CROWD)]


def asked(person: Person, method: str, address: str, body: object = None) -> int:
    """What this one request costs; it must succeed."""
    client = Client(headers=dict(bearer(person).items()))
    with statements() as found:
        response = client.generic(method, f"/api/v1/{address}", _json(body), content_type="application/json")
    assert response.status_code in {200, 201, 204}, response.content
    return len(found)


def _json(body: object) -> bytes:
    return json.dumps({} if body is None else body).encode()


@pytest.mark.core
def test_fifty_conversations_of_every_size(teacher: Person, crowd: list[Person]) -> None:
    """Five: the session, the conversations with all their numbers, their newest messages and what stands about those,
    the record; and their keys, where they are not in memory."""
    room_of(teacher, crowd[0])
    few = cost(get(teacher, "conversations"))
    for number in range(49):
        room_of(teacher, *(crowd if number == 0 else crowd[:2]), name=f"Room {number} of many")
    assert few == cost(get(teacher, "conversations?limit=50")) <= 6


def test_adding_one_costs_what_adding_many_costs(teacher: Person, crowd: list[Person]) -> None:
    room = room_of(teacher)
    ids = [str(person.id) for person in crowd]
    first = asked(teacher, "POST", f"conversations/{room}/members", {"userIds": ids[:1]})
    second = asked(teacher, "POST", f"conversations/{room}/members", {"userIds": ids[1:2]})
    many = asked(teacher, "POST", f"conversations/{room}/members", {"userIds": ids[2:]})
    assert first >= second == many
    assert Membership.objects.filter(conversation=UUID(room)).count() == CROWD + 1


def test_joining_and_leaving_cost_the_same_in_a_large_room(
    teacher: Person, student: Person, crowd: list[Person]
) -> None:
    small, large = room_of(teacher, kind="public"), room_of(teacher, *crowd, kind="public")
    for action in ("join", "leave"):
        costs = [asked(student, "POST", f"conversations/{room}/{action}") for room in (small, large)]
        assert costs[0] >= costs[1]
        assert costs[0] - costs[1] <= 1


def test_members_of_a_large_room(teacher: Person, crowd: list[Person]) -> None:
    small, large = room_of(teacher, crowd[0]), room_of(teacher, *crowd)
    assert cost(get(teacher, f"conversations/{small}/members")) == cost(get(teacher, f"conversations/{large}/members"))


def test_rooms_to_join(student: Person, teacher: Person, crowd: list[Person]) -> None:
    room_of(teacher, kind="public", name="Anatomy")
    few = cost(get(student, "conversations/discover?search=anatomy"))
    for number in range(20):
        room_of(teacher, *crowd[:5], kind="course", name=f"Anatomy {number}")
    assert few == cost(get(student, "conversations/discover?search=anatomy"))
