"""Reacting to messages, one emoji at a time."""

from uuid import UUID

from django.db.models import QuerySet

import audit
from core.actor import Actor
from core.errors import FieldError, Invalid
from messaging import policies
from messaging.models import Message, Reaction
from messaging.rows import MessageRow
from messaging.services.holding import hold, require_living
from realtime import streams
from realtime.models import Stream

MOST_DISTINCT = 50
"""Different emoji at one message."""


def add_reaction(*, actor: Actor, subject: MessageRow, emoji: str) -> None:
    """React with this emoji (`as_emoji` has seen it); everybody hears `reaction:new`. A repeat changes nothing.

    Raises Gone for a message that is gone, Forbidden for who is muted or blocked, Invalid for a 51st different emoji.
    """
    with audit.transaction():
        stream, row, seat = hold(actor, subject)
        policies.can_react(seat)
        require_living(row)
        if _used(row.id, actor, emoji).exists():
            return
        _require_room(row.id, emoji)
        Reaction.objects.create(message_id=row.id, user_id=actor.id, emoji=emoji)
        if not row.has_reactions:
            Message.objects.filter(id=row.id).update(has_reactions=True)
        _tell(actor, stream, row, emoji, "reaction:new", "reaction.added")


def remove_reaction(*, actor: Actor, subject: MessageRow, emoji: str) -> None:
    """Take one's own emoji back; everybody hears `reaction:remove`. Who has none there changes nothing.

    Open to everybody who sees the message, muted or not. Raises Gone for a message that is gone.
    """
    with audit.transaction():
        stream, row, _ = hold(actor, subject)
        require_living(row)
        removed, _ = _used(row.id, actor, emoji).delete()
        if removed:
            _tell(actor, stream, row, emoji, "reaction:remove", "reaction.removed")


def _used(message_id: UUID, actor: Actor, emoji: str) -> QuerySet[Reaction]:
    return Reaction.objects.filter(message=message_id, user=actor.id, emoji=emoji)


def _require_room(message_id: UUID, emoji: str) -> None:
    there = set(Reaction.objects.filter(message=message_id).values_list("emoji", flat=True).distinct())
    if emoji not in there and len(there) >= MOST_DISTINCT:
        message = f"A message takes at most {MOST_DISTINCT} different emoji."
        raise Invalid("Some fields are not valid.", errors=[FieldError("emoji", "invalid", message)])


def _tell(actor: Actor, stream: Stream, row: MessageRow, emoji: str, event: str, action: str) -> None:
    data = {"messageId": row.id, "emoji": emoji, "userId": actor.id}
    streams.append([streams.NewEvent(stream, event, actor.id, data=data)])
    audit.record(action, actor=actor, object_id=row.id, conversation_id=row.conversation_id)
