"""What the tests of presence say and ask, in sentences."""

from typing import Any
from uuid import UUID

import httpx

from tests.live import Server
from tests.people import Answering, Person, client_for
from tests.sockets import Client

Json = dict[str, Any]
API = "/api/v1"


def presence_of(person: Person, asker: Person, server: Answering) -> Json:
    """One person's presence, as another is told by REST."""
    with client_for(asker, server) as client:
        response = client.get(f"{API}/presence/{person.id}")
    assert response.status_code == 200, response.text
    return dict(response.json())


def status_of(person: Person, asker: Person, server: Answering) -> str:
    return str(presence_of(person, asker, server)["status"])


def choose(client: httpx.Client, status: str, **more: Any) -> None:
    response = client.put(f"{API}/me/presence", json={"status": status, **more})
    assert (response.status_code, response.json()) == (200, {}), response.text


def subscribe(client: Client, *people: Person) -> list[Json]:
    """The presence of everybody this connection is subscribed to by now."""
    return list(client.ask("presence:subscribe", {"userIds": [str(person.id) for person in people]})["results"])


def told(client: Client, timeout: float = 5.0) -> Json:
    """The next presence this client is told of."""
    return dict(client.next_event("presence:update", timeout)["data"])


def is_there(server: Server, *user_ids: UUID) -> bool:
    """Whether the live server says of all of these people that they are there."""
    return all(server.hub.presence.status(user_id) != "offline" for user_id in user_ids)
