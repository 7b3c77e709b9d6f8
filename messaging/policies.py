"""Who may do what in a conversation they can see. Pure: each policy raises Forbidden or returns, and asks no database.

Finding comes first: what somebody may not see is NotFound long before it gets here.
"""

from typing import NamedTuple

from core.actor import Actor
from core.errors import Forbidden
from messaging.models import Conversation, Membership
from messaging.models.conversation import Kind, PostingPolicy
from messaging.models.membership import Role
from messaging.rows import MessageRow

_LEADERS = frozenset({Role.OWNER, Role.MODERATOR})


def can_post(role: str, is_muted: bool, posting_policy: str) -> None:
    """A member writes, or changes what they wrote."""
    if is_muted:
        raise Forbidden("You have been muted in this conversation.")
    if posting_policy == PostingPolicy.MODERATORS and role not in _LEADERS:
        raise Forbidden("Only moderators write in this conversation.")


def can_change_message(actor: Actor, message: MessageRow) -> None:
    """Only what one wrote oneself."""
    if message.sender_id != actor.id:
        raise Forbidden("Only its sender may change a message.")


def can_update_conversation(actor: Actor, membership: Membership) -> None:
    """Owner and moderators; in a direct conversation, which nobody owns, both."""
    if membership.role not in _LEADERS and membership.conversation.kind != Kind.DIRECT:
        raise Forbidden("Only the owner and moderators may change this conversation.")


class Removal(NamedTuple):
    """A conversation somebody wants to delete: what they are in it, and whether they have the right to moderate."""

    conversation: Conversation
    role: str | None
    may_moderate: bool


def can_delete_conversation(actor: Actor, removal: Removal) -> None:
    """The owner, and whoever has the right to moderate. Nobody owns a direct conversation: neither of the two can take
    it away from the other, each may archive it."""
    if removal.role != Role.OWNER and not removal.may_moderate:
        raise Forbidden("Only the owner may delete this conversation.")
