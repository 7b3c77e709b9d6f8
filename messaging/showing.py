"""Messages shown to somebody: rendered for them, with everything that takes asked for once for all of them."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from messaging import querysets
from messaging.bodies import load_keys
from messaging.models.conversation import ROOMS
from messaging.rendering import SENT, Wire, personal_message, progress_times
from messaging.rows import NO_EXTRAS, MessageRow, Sight


class Showing(NamedTuple):
    """A message that is shown to this person, who sees this of its conversation."""

    row: MessageRow
    user_id: UUID
    seen: Sight


def shown(rows: Sequence[MessageRow], user_id: UUID, seen: Sight) -> list[Wire]:
    """These messages of one conversation as this person sees them, in their order.

    The caller has found them through `querysets.visible_messages`, and records the reading (`viewing`).
    """
    return shown_to_each([Showing(row, user_id, seen) for row in rows])


def shown_to_each(showings: Sequence[Showing]) -> list[Wire]:
    """The same for messages of several conversations and people; no query more for many of them."""
    rows = [showing.row for showing in showings]
    load_keys(rows)
    extras = querysets.extras_of(rows)
    wires = [personal_message(row, user_id, seen, extras.get(row.id, NO_EXTRAS)) for row, user_id, seen in showings]
    _add_times(showings, wires)
    return wires


def _add_times(showings: Sequence[Showing], wires: Sequence[Wire]) -> None:
    """When messages arrived and were read: where that is kept, of those that did, which only their senders see."""
    pairs = zip(showings, wires, strict=True)
    arrived = [one.row for one, wire in pairs if wire["status"] != SENT and one.seen.kind not in ROOMS]
    times = querysets.reached(arrived) if arrived else {}
    for wire in wires:
        if wire["id"] in times:
            wire |= progress_times(wire["status"], times[wire["id"]])


def shown_page(rows: Sequence[MessageRow], limit: int, user_id: UUID, seen: Sight, *, ascending: bool) -> Wire:
    """A page as lists inside a conversation have it, from the up to `limit` + 1 rows that were found for it.

    They come ascending, or descending from the end that was asked for. Returns `{results, hasMore, headSeq}`.
    """
    found = rows[:limit] if ascending else rows[:limit][::-1]
    return {"results": shown(found, user_id, seen), "hasMore": len(rows) > limit, "headSeq": seen.head_seq}
