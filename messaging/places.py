"""What files need to know of conversations, handed to `attachments` when the server starts."""

from uuid import UUID

from django.conf import settings

from attachments.wiring import Place
from core.actor import Actor
from core.errors import NotFound
from messaging import policies, querysets
from messaging.models.conversation import ROOMS


def place_for(actor: Actor, conversation_id: UUID) -> Place:
    """Where the actor may put files: where they may write. Raises NotFound and Forbidden as sending does."""
    seat = querysets.seat_of(conversation_id, actor.id)
    policies.can_post(seat)
    most = settings.CHAT_MAX_ATTACHMENT_SIZE if seat.kind in ROOMS else settings.ATTACHMENT_MAX_BYTES
    return Place(conversation_id, most)


def may_see_message(user_id: UUID, message_id: UUID, conversation_id: UUID) -> bool:
    """Whether this person sees the message now, it is of this conversation, and more than a tombstone."""
    try:
        found = querysets.visible_message(user_id, message_id)
    except NotFound:
        return False
    return found.conversation_id == conversation_id and not found.is_gone


def is_member(user_id: UUID, conversation_id: UUID) -> bool:
    """Whether this person belongs to the conversation now, and it is not deleted."""
    return (conversation_id, user_id) in querysets.seats_of([(conversation_id, user_id)])
