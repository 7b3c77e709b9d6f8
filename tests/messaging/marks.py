"""What the tests of receipts do, in sentences."""

from typing import Any
from uuid import UUID

import httpx

from messaging.models import Membership, WatermarkMove
from tests.messaging.talking import API, Json, answered, page
from tests.people import Person


def mark(client: httpx.Client, conversation_id: str, kind: str, seq: object, **more: Any) -> httpx.Response:
    return client.put(f"{API}/conversations/{conversation_id}/{kind}", json={"seq": seq, **more})


def marked(client: httpx.Client, conversation_id: str, kind: str, seq: int) -> Json:
    """The receipt of a mark that must be accepted."""
    return answered(mark(client, conversation_id, kind, seq))


def statuses(client: httpx.Client, conversation_id: str) -> list[str]:
    return [message["status"] for message in page(client, conversation_id)["results"]]


def got(client: httpx.Client, message: Json) -> tuple[str, str | None, str | None]:
    """How far this message has got, as this person sees it: status, deliveredAt, readAt."""
    found = answered(client.get(f"{API}/messages/{message['id']}"))
    return found["status"], found.get("deliveredAt"), found.get("readAt")


def receipts_of(client: httpx.Client, message: Json) -> list[Json]:
    found = answered(client.get(f"{API}/messages/{message['id']}/receipts"))["results"]
    assert isinstance(found, list)
    return found


def unread(client: httpx.Client) -> tuple[int, int, int]:
    """(messages, conversations, mentions) over all of somebody's conversations."""
    found = answered(client.get(f"{API}/conversations/unread-count"))
    return found["total"], found["conversations"], found["mentions"]


def counts(client: httpx.Client, conversation_id: str) -> tuple[int, int]:
    """(messages, mentions) of one conversation, which must be the same in the list."""
    one = answered(client.get(f"{API}/conversations/{conversation_id}"))
    listed = {each["id"]: each for each in answered(client.get(f"{API}/conversations"))["results"]}
    found = listed[conversation_id]
    assert (one["unreadCount"], one["mentionCount"]) == (found["unreadCount"], found["mentionCount"])
    return found["unreadCount"], found["mentionCount"]


def moves(person: Person, conversation_id: str) -> list[tuple[str, int]]:
    """(watermark, seq) of every move that is kept, in their order."""
    stays = Membership.objects.filter(user=person.id, conversation=UUID(conversation_id))
    kept = WatermarkMove.objects.filter(membership__in=stays).order_by("id")
    return list(kept.values_list("watermark", "seq"))
