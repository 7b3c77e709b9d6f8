"""Pinning messages, so that everybody finds them."""

from uuid import UUID

import audit
from core.actor import Actor
from core.errors import Conflict
from core.time import now
from messaging import policies, querysets
from messaging.models import Membership, Message
from messaging.rendering import Wire
from messaging.rows import MessageRow
from messaging.services.holding import Held, hold, require_living
from messaging.showing import shown
from messaging.viewing import record_now, viewing_of
from realtime import streams

MOST_PINS = 50
"""Messages pinned in one conversation."""


def pin_message(*, actor: Actor, subject: MessageRow) -> MessageRow:
    """Pin a message; everybody hears `message:pinned`. A repeat changes nothing.

    Raises Forbidden for who may not pin here, Gone for a message that is gone, Conflict for a 51st pin.
    """
    with audit.transaction():
        held = _held(actor, subject)
        if held.row.pinned_at is not None:
            return held.row
        _require_room(held.row.conversation_id)
        pinned = held.row._replace(pinned_at=now())
        Message.objects.filter(id=pinned.id).update(pinned_at=pinned.pinned_at, pinned_by=actor.id)
        _tell(actor, held, "message:pinned", "message.pinned")
    return pinned


def unpin_message(*, actor: Actor, subject: MessageRow) -> MessageRow:
    """The reverse, with `message:unpinned`; by whom does not matter. A repeat changes nothing."""
    with audit.transaction():
        held = _held(actor, subject)
        if held.row.pinned_at is None:
            return held.row
        Message.objects.filter(id=held.row.id).update(pinned_at=None, pinned_by=None)
        _tell(actor, held, "message:unpinned", "message.unpinned")
    return held.row._replace(pinned_at=None)


def read_pins(*, actor: Actor, subject: Membership) -> Wire:
    """The pinned messages the actor may see, the last one pinned first: `{results}`. Recorded as a page is."""
    rows = querysets.pinned_messages(actor.id, subject.conversation_id)
    results = shown(rows, actor.id, querysets.sight_of(actor.id, subject.conversation_id))
    record_now(viewing_of(actor, subject.conversation_id, results))
    return {"results": results}


def _held(actor: Actor, subject: MessageRow) -> Held:
    held = hold(actor, subject)
    policies.can_pin(held.seat)
    require_living(held.row)
    return held


def _require_room(conversation_id: UUID) -> None:
    if querysets.count_pinned(conversation_id) >= MOST_PINS:
        raise Conflict(f"At most {MOST_PINS} messages are pinned in a conversation.")


def _tell(actor: Actor, held: Held, event: str, action: str) -> None:
    message_id, conversation_id = held.row.id, held.row.conversation_id
    streams.append([streams.NewEvent(held.stream, event, actor.id, data={"messageId": message_id})])
    audit.record(action, actor=actor, object_id=message_id, conversation_id=conversation_id)
