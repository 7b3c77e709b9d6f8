"""A message that somebody wants to do something with, as it is under the lock of its conversation.

Inside the `audit.transaction()` of the change. What may be done is decided on what is found here: whoever was removed,
muted or deposed meanwhile is so.
"""

from typing import NamedTuple
from uuid import UUID

from django.db import connection

from core.actor import Actor
from core.errors import Gone
from messaging import querysets
from messaging.models import Message
from messaging.rows import MessageRow, Seat
from realtime import streams
from realtime.models import Stream


class Held(NamedTuple):
    """The locked stream, the message, and where the person sits who wants something."""

    stream: Stream
    row: MessageRow
    seat: Seat


def hold(actor: Actor, subject: MessageRow) -> Held:
    """Lock and look again; raises NotFound when the message cannot be seen any more. Until the end of the transaction
    retention does not remove it either, which locks no streams."""
    stream = streams.lock([subject.conversation_id])[subject.conversation_id]
    keep_row(subject.id)
    row = querysets.visible_message(actor.id, subject.id)
    return Held(stream, row, querysets.seat_of(row.conversation_id, actor.id))


def keep_row(message_id: UUID) -> None:
    """Rows about this message can be written until the end of the transaction, if it is still there."""
    if connection.features.has_select_for_update:
        list(Message.objects.select_for_update(no_key=True).filter(id=message_id).values_list("id"))


def require_living(row: MessageRow) -> None:
    """Raises Gone for a message that was deleted or has expired."""
    if row.is_gone:
        raise Gone("The message has been deleted.")
