"""Rooms that others may find."""

from datetime import datetime
from uuid import UUID

from accounts.permissions import may_find_rooms
from audit.writer import EntryDraft
from core.actor import Actor
from core.rest import read_cursor, sign_cursor
from messaging import details, querysets
from messaging.rendering import Wire, conversation_out
from messaging.viewing import record_now

_LIST = "rooms"


def discover_rooms(
    *, actor: Actor, subject: Actor, search: str = "", limit: int = 50, cursor: str | None = None
) -> Wire:
    """A page of the public and course rooms the actor may join and is not in: `{results, nextCursor}`.

    Newest activity first. With a search: those whose name has all its words. Whom their role lets find none, finds
    none. One entry `rooms.viewed` for the page, because it has names. Raises InvalidCursor.
    """
    position = None if cursor is None else _position(read_cursor(_LIST, actor.id, cursor))
    tokens = details.tokens(search)
    if not may_find_rooms(actor.role) or (search and not tokens):
        return {"results": [], "nextCursor": None}
    rows = querysets.joinable_rooms(actor.id, tokens, position, limit + 1)
    page = rows[:limit]
    details.load_keys(page)
    wires = [conversation_out(row, None) for row in page]
    if page:
        record_now([EntryDraft("rooms.viewed", actor, details={"conversations": [row.id for row in page]})])
    ended = [page[-1].active_at.isoformat(), str(page[-1].id)] if len(rows) > limit else None
    return {"results": wires, "nextCursor": None if ended is None else sign_cursor(_LIST, actor.id, ended)}


def _position(ended: list[str]) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(ended[0]), UUID(ended[1])
