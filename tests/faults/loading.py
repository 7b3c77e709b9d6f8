"""What is there at the end of a run: every conversation loaded fresh over REST, as each of its people sees it."""

import asyncio
from typing import Any

import httpx

from tests.faults.client import Device
from tests.faults.history import Final, Stay, Stored
from tests.faults.stack import Stack, World

_RECORDED = "SELECT object::text, count(*) FROM audit_entry WHERE action = 'message.created' GROUP BY 1"


async def load(stack: Stack, world: World, devices: list[Device]) -> Final:
    """AssertionError when two doors tell different things."""
    final = Final({}, {device.name: device.person for device in devices}, {})
    for number, person in enumerate(world.people):
        headers = {"Authorization": f"Bearer {world.tokens[number][0]}"}
        url = f"{stack.url}/api/v1"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as rest:
            for conversation in world.conversations_of(number):
                await _load(rest, person, conversation, final)
    final.audit_problems = await asyncio.to_thread(stack.verify_audit_log)
    final.recorded = {str(one): int(n) for one, n in await asyncio.to_thread(stack.ask_database, _RECORDED)}
    return final


async def _load(rest: httpx.AsyncClient, person: str, conversation: str, final: Final) -> None:
    place = person, conversation
    final.stays[place] = Stay()
    if conversation not in final.events:
        final.events[conversation] = await _events(rest, conversation)
        await _same_in_history(rest, conversation, final)
    final.unread[place] = (await _get(rest, f"/conversations/{conversation}"))["unreadCount"]
    receipts = (await _get(rest, f"/conversations/{conversation}/receipts"))["results"]
    final.read[place] = next(one["readSeq"] for one in receipts if one["userId"] == person)


async def _get(rest: httpx.AsyncClient, path: str, **query: int) -> dict[str, Any]:
    answer: dict[str, Any] = (await rest.get(path, params=query)).raise_for_status().json()
    return answer


async def _events(rest: httpx.AsyncClient, conversation: str) -> list[Stored]:
    found: list[Stored] = []
    while True:
        after = found[-1].seq if found else 0
        page = await _get(rest, f"/conversations/{conversation}/events", after=after, limit=200)
        found += [_stored(frame) for frame in page["results"]]
        if not page["results"]:
            return found


def _stored(frame: dict[str, Any]) -> Stored:
    data = frame["data"] if frame["event"] == "message:new" else {}
    named = (data.get(name) for name in ("clientMessageId", "content", "id", "senderId"))
    return Stored(frame["seq"], frame["event"], *named)


async def _same_in_history(rest: httpx.AsyncClient, conversation: str, final: Final) -> None:
    """The pages of messages tell the same as the events."""
    found: list[tuple[int, str | None]] = []
    more = True
    while more:
        after = found[-1][0] if found else 0
        page = await _get(rest, f"/conversations/{conversation}/messages", after=after, limit=200)
        found += [(message["seq"], message["id"]) for message in page["results"]]
        more = page["hasMore"]
    events = [(event.seq, event.message_id) for event in final.messages(conversation)]
    assert found == events, f"{conversation}: messages and events differ: {set(found) ^ set(events)}"
