"""What the tests of messaging say and ask, in sentences."""

import asyncio
import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx

import audit
from audit.models import Detail, Entry
from core.ids import uuid7
from messaging import services
from messaging.models import Conversation, Membership, Message
from realtime import streams
from tests.people import Person
from tests.sockets import Client, Frame

API = "/api/v1"
Json = dict[str, Any]


def answered(response: httpx.Response, status: int = 200) -> Json:
    """The body of an answer that must have this status."""
    assert response.status_code == status, response.text
    body = response.json()
    assert isinstance(body, dict)
    return body


def refused(response: httpx.Response, status: int, code: str) -> Json:
    """The problem of an answer that must refuse with this status and code."""
    body = answered(response, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert body["code"] == code, body
    return body


def send(client: httpx.Client, conversation_id: str, content: str = "Good morning.", /, **more: Any) -> Json:
    """Send by REST; the stored message."""
    return answered(post(client, conversation_id, content, **more), 201)


def post(
    client: httpx.Client, conversation_id: str, content: object = "Good morning.", /, **more: Any
) -> httpx.Response:
    return client.post(f"{API}/conversations/{conversation_id}/messages", json={"content": content, **more})


def page(client: httpx.Client, conversation_id: str, **params: Any) -> Json:
    """A page of history."""
    return answered(client.get(f"{API}/conversations/{conversation_id}/messages", params=params))


def same_but_for_the_request_id(*problems: Json) -> bool:
    """Whether these answers are equal in every byte but the id of their request."""
    bare = [{**problem, "requestId": ""} for problem in problems]
    return all(list(other.items()) == list(bare[0].items()) for other in bare)


def contents(results: Iterable[Json]) -> list[str | None]:
    return [message["content"] for message in results]


def say(person: Person, conversation_id: str, *texts: str) -> list[Json]:
    """Send through the service, past the limits of the doors."""
    actor = person.actor

    async def all_of_them() -> list[Json]:
        sent = [
            await services.send_message(actor=actor, conversation_id=UUID(conversation_id), content=text)
            for text in texts
        ]
        return [one.message for one in sent]

    return asyncio.run(all_of_them())


def reply_to(client: Client, id: str) -> Frame:
    """The whole reply to the request with this id."""
    return client.next_frame_where(lambda frame: frame.get("replyTo") == id)


def open_room(owner: Person, *others: Person, **more: Any) -> str:
    """A group of people who may be of any role, made as rows: past the rules of who may create one."""
    with audit.transaction():
        room = Conversation.objects.create(
            stream=streams.open_stream(uuid7()), kind="group", created_by=owner.user, **more
        )
        for person in (owner, *others):
            role = "owner" if person is owner else "member"
            Membership.objects.create(conversation=room, user=person.user, role=role)
    return str(room.id)


def entries(action: str, actor: Person | None = None) -> list[Entry]:
    """The audit entries of this action, by this person if one is named, in order."""
    found = Entry.objects.filter(action=action).order_by("id")
    return list(found if actor is None else found.filter(actor=actor.id))


def entry_details(entry: Entry) -> dict[str, Any]:
    return Detail.objects.get(entry=entry.id).payload()


def stored(message: Json) -> Message:
    return Message.objects.get(id=message["id"])


def fingerprint_of(row: Message) -> bytes:
    """What an auditor computes from the row: its columns in canonical text, then the hash of the sealed body."""
    names = "client_message_id conversation_id deleted_by_id format id priority reply_to_id revision sender_id seq type"
    found = {name: getattr(row, name) for name in names.split(" ")}
    columns: dict[str, str | int] = {
        name: value if isinstance(value, int) else str(value) for name, value in found.items() if value is not None
    }
    for name in ("created_at", "deleted_at", "edited_at"):
        if moment := getattr(row, name):
            columns[name] = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode() + sha256(bytes(row.body)).digest()).digest()


def head_of(conversation_id: str) -> int:
    return streams.heads([UUID(conversation_id)])[UUID(conversation_id)]
