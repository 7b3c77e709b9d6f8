"""Reading. Whatever shows text or names is recorded before it is given away (`messaging.viewing`)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from audit.writer import EntryDraft, Reading, reader
from core.actor import Actor
from core.errors import Invalid
from core.rest import read_cursor, sign_cursor
from messaging import details, policies, querysets
from messaging.bodies import load_keys
from messaging.models import Membership
from messaging.rendering import Wire, conversation_out, member_out
from messaging.rows import ConversationRow, MessageRow
from messaging.showing import shown, shown_page
from messaging.viewing import record_now, viewing_of
from realtime import streams

_LIST = "conversations"


async def read_history(
    *, actor: Actor, conversation_id: UUID, before: int | None = None, after: int | None = None, limit: int = 50
) -> Wire:
    """A page of messages, ascending: those before `before`, those after `after`, or the newest.

    Returns `{results, hasMore, headSeq}`; `hasMore` tells whether there is more in the direction of reading. One entry
    `messages.viewed` with the range is committed before this returns. Raises NotFound, and Invalid for both bounds.
    """
    if before is not None and after is not None:
        raise Invalid("Give either before or after, not both.")
    page: Wire = await reader.store(Reading(partial(_history, actor, conversation_id, before, after, limit)))
    return page


async def read_events(*, actor: Actor, conversation_id: UUID, after: int = 0, limit: int = 50) -> Wire:
    """The durable events after number `after`, ascending, as sockets get them: `{results, headSeq}`.

    Numbers the actor may not see are passed over. Recorded as `read_history` is. Raises NotFound.
    """
    page: Wire = await reader.store(Reading(partial(_events, actor, conversation_id, after, limit)))
    return page


def read_message(*, actor: Actor, subject: MessageRow) -> Wire:
    """One message. Recorded as a page of one."""
    wire = message_for(actor, subject)
    record_now(viewing_of(actor, subject.conversation_id, [wire]))
    return wire


def message_for(actor: Actor, row: MessageRow) -> Wire:
    """A message that the actor may see, as they see it."""
    [wire] = shown([row], actor.id, querysets.sight_of(actor.id, row.conversation_id))
    return wire


def list_conversations(
    *,
    actor: Actor,
    subject: Actor,
    limit: int = 50,
    cursor: str | None = None,
    kind: str | None = None,
    archived: bool | None = None,
) -> Wire:
    """A page of one's own conversations, the one with the newest activity first: `{results, nextCursor}`.

    One entry `conversations.viewed` for the page, because it has previews of messages. Raises InvalidCursor.
    """
    position = None if cursor is None else _position(read_cursor(_LIST, actor.id, cursor))
    rows = querysets.conversations_of(actor.id, position, limit + 1, kind=kind, archived=archived)
    page = rows[:limit]
    wires = _with_last_messages(actor, page)
    if page:
        record_now([EntryDraft("conversations.viewed", actor, details={"conversations": [row.id for row in page]})])
    more = len(rows) > limit
    return {"results": wires, "nextCursor": sign_cursor(_LIST, actor.id, _ended(page[-1])) if more else None}


def read_conversation(*, actor: Actor, subject: Membership) -> Wire:
    """One conversation as the actor sees it. Recorded, because it has a preview."""
    wire = conversation_for(actor, subject.conversation_id)
    record_now([_looked_at(actor, subject.conversation_id)])
    return wire


def conversation_for(actor: Actor, conversation_id: UUID) -> Wire:
    """A conversation of the actor's as they see it; raises NotFound when they are no member of it any more."""
    row = querysets.conversation_row(actor.id, conversation_id)
    if row.role is None:
        raise querysets.not_found(conversation_id)
    [wire] = _with_last_messages(actor, [row])
    return wire


def opened_conversation_for(actor: Actor, conversation_id: UUID) -> Wire:
    """The same of one that the actor has opened, perhaps for others: that they saw it is recorded then."""
    row = querysets.conversation_row(actor.id, conversation_id)
    [wire] = _with_last_messages(actor, [row])
    if row.role is None:
        record_now([_looked_at(actor, conversation_id)])
    return wire


def conversations_for(actor: Actor, ids: Collection[UUID]) -> list[Wire]:
    """The same for several, without those that are gone meanwhile, in the order of their ids."""
    return _with_last_messages(actor, querysets.conversation_rows(actor.id, ids))


def read_members(*, actor: Actor, subject: Membership, blocked: bool = False) -> Wire:
    """The present members, in the order in which they joined; or those who were `blocked`, for who leads the room.

    Recorded, because it has their names. Raises Forbidden.
    """
    if blocked:
        policies.can_see_banned(subject)
        found: Iterable[Membership] = querysets.banned_from(subject.conversation_id)
    else:
        found = querysets.members_shown_to(subject)
    record_now([_looked_at(actor, subject.conversation_id)])
    return {"results": [member_out(membership) for membership in found], "nextCursor": None}


def _looked_at(actor: Actor, conversation_id: UUID) -> EntryDraft:
    return EntryDraft("conversation.viewed", actor, object_id=conversation_id, conversation_id=conversation_id)


def _ended(row: ConversationRow) -> list[str]:
    """Where a page of the list ended, as its cursor carries it; `_position` is the way back."""
    return [row.active_at.isoformat(), str(row.id)]


def _position(ended: list[str]) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(ended[0]), UUID(ended[1])


def _history(
    actor: Actor, conversation_id: UUID, before: int | None, after: int | None, limit: int
) -> tuple[Wire, list[EntryDraft]]:
    seen = querysets.sight_of(actor.id, conversation_id)
    rows = querysets.page(actor.id, conversation_id, before, after, limit + 1)
    wire = shown_page(rows, limit, actor.id, seen, ascending=after is not None)
    return wire, viewing_of(actor, conversation_id, wire["results"])


def _events(actor: Actor, conversation_id: UUID, after: int, limit: int) -> tuple[Wire, list[EntryDraft]]:
    seen = querysets.sight_of(actor.id, conversation_id)
    # Not beyond the head they were a member at: what is later may be later than their removal.
    events = streams.read([(conversation_id, max(after, seen.first_seq - 1), seen.head_seq)], limit)
    frames = streams.visible_from(streams.frames(events), seen.first_seq)
    messages = [frame["data"] for frame, event in zip(frames, events, strict=True) if event.message_id is not None]
    read = [message for message in messages if message["seq"] >= seen.first_seq]
    return {"results": frames, "headSeq": seen.head_seq}, viewing_of(actor, conversation_id, read)


def _with_last_messages(actor: Actor, rows: Sequence[ConversationRow]) -> list[Wire]:
    ids = [row.last_message_id for row in rows if row.last_message_id is not None]
    last = querysets.visible_messages_by_id(actor.id, ids)
    load_keys(last.values())
    details.load_keys(rows)
    return [conversation_out(row, last.get(row.last_message_id) if row.last_message_id else None) for row in rows]
