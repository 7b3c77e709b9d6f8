"""What the tests of rooms do, in sentences."""

from typing import Any
from uuid import UUID

import httpx

from messaging import services
from messaging.models import Conversation, Membership
from messaging.opening import can_open, find_opening
from tests.messaging.talking import API, Json, answered
from tests.people import Person


def create(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post(f"{API}/conversations", json=body)


def created(client: httpx.Client, **body: Any) -> Json:
    """The room made of this."""
    return answered(create(client, **body), 201)


def room_of(owner: Person, *others: Person, kind: str = "group", name: str = "Room of many", **more: Any) -> str:
    """A room made by its owner, with others in it from the beginning; its id. `more` are columns that differ."""
    asked: dict[str, Any] = {"kind": kind, "name": name} | ({"course_id": "C1"} if kind == "course" else {})
    opening = find_opening(owner.actor, asked)
    can_open(owner.actor, opening)
    room, _ = services.create_conversation(actor=owner.actor, subject=opening)
    Membership.objects.bulk_create([Membership(conversation_id=room, user=other.user) for other in others])
    if more:
        Conversation.objects.filter(pk=room).update(**more)
    return str(room)


def open_direct(one: Person, other: Person) -> str:
    """The id of the direct conversation of these two."""
    opening = find_opening(one.actor, {"kind": "direct", "user_id": other.id})
    direct, _ = services.create_conversation(actor=one.actor, subject=opening)
    return str(direct)


def members(client: httpx.Client, room: str, **params: Any) -> list[Json]:
    found = answered(client.get(f"{API}/conversations/{room}/members", params=params))["results"]
    assert isinstance(found, list)
    return found


def join(client: httpx.Client, room: str) -> httpx.Response:
    return client.post(f"{API}/conversations/{room}/join")


def leave(client: httpx.Client, room: str) -> httpx.Response:
    return client.post(f"{API}/conversations/{room}/leave")


def add(client: httpx.Client, room: str, *people: Person | str, **more: Any) -> httpx.Response:
    ids = [person if isinstance(person, str) else str(person.id) for person in people]
    return client.post(f"{API}/conversations/{room}/members", json={"userIds": ids, **more})


def change(client: httpx.Client, room: str, person: Person | str, **changes: Any) -> httpx.Response:
    return client.patch(_member(room, person), json=changes)


def remove(client: httpx.Client, room: str, person: Person | str) -> httpx.Response:
    return client.delete(_member(room, person))


def role_of(person: Person, room: str) -> str | None:
    """What somebody is in a room now, as stored; None when they are no member."""
    return (
        Membership.objects.filter(conversation=UUID(room), user=person.user, left_seq=None)
        .values_list("role", flat=True)
        .first()
    )


def stay_of(person: Person, room: str) -> Membership:
    """Their latest stay."""
    return Membership.objects.filter(conversation=UUID(room), user=person.user).order_by("-joined_seq")[0]


def promote(person: Person, room: str, role: str) -> None:
    """A role somebody has had from the beginning."""
    assert Membership.objects.filter(conversation=UUID(room), user=person.user).update(role=role) == 1


def _member(room: str, person: Person | str) -> str:
    return f"{API}/conversations/{room}/members/{person if isinstance(person, str) else person.id}"
