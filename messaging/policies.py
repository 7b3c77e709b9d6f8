"""Who may do what in a conversation they can see. Pure: each policy raises Forbidden or returns, and asks no database.

Finding comes first: what somebody may not see is NotFound long before it gets here.
"""

from typing import NamedTuple
from uuid import UUID

from core.actor import Actor
from core.errors import Forbidden
from messaging.models import Conversation, Membership
from messaging.models.conversation import ROOMS, Kind, PostingPolicy
from messaging.models.membership import LEADERS, Role
from messaging.models.message import Type
from messaging.rows import MessageRow, Seat


def can_reach(seat: Seat) -> None:
    """Where one of two has blocked the other, nothing that either does there is heard by the other."""
    if seat.is_blocked:
        raise Forbidden("You cannot write to this person.")


def can_post(seat: Seat) -> None:
    """A member writes, or changes what they wrote."""
    can_reach(seat)
    if seat.is_muted:
        raise Forbidden("You have been muted in this conversation.")
    if seat.posting_policy == PostingPolicy.MODERATORS and seat.role not in LEADERS:
        raise Forbidden("Only moderators write in this conversation.")


class Desk(NamedTuple):
    """Where a member writes: their seat, and the last event of the conversation from before it was looked up."""

    conversation_id: UUID
    seat: Seat
    head_seq: int


def can_type(actor: Actor, desk: Desk) -> None:
    """Who may not write is not seen typing."""
    can_post(desk.seat)


def can_edit_message(actor: Actor, message: MessageRow) -> None:
    """Only what one wrote oneself: not a copy of somebody else's words, which are theirs."""
    if message.sender_id != actor.id:
        raise Forbidden("Only its sender may change a message.")
    if message.forwarded_sender_id is not None:
        raise Forbidden("A forwarded message stays as it was written.")


def can_delete_message(message: MessageRow, user_id: UUID, seat: Seat) -> None:
    """Its sender, and in a room its owner and moderators: elsewhere nobody takes away what another has said."""
    leads = seat.kind in ROOMS and seat.role in LEADERS
    if message.sender_id != user_id and not leads:
        raise Forbidden("Only its sender may delete a message, and in a room its owner and moderators.")


def can_react(seat: Seat) -> None:
    """Who may speak here. Where only moderators write the others may still react."""
    can_reach(seat)
    if seat.is_muted:
        raise Forbidden("You have been muted in this conversation.")


def can_pin(seat: Seat) -> None:
    """Everybody in a conversation of few; in a room its owner and moderators."""
    can_react(seat)
    if seat.kind in ROOMS and seat.role not in LEADERS:
        raise Forbidden("Only the owner and moderators pin messages here.")


def can_forward(message: MessageRow, origin: Seat, target: Seat) -> None:
    """What was written about a patient stays with that patient: clinical text goes into clinical conversations of the
    same patient only. Nor is a copy made of what is meant to disappear, or of what the server said."""
    if message.type == Type.SYSTEM:
        raise Forbidden("Messages of the system are not forwarded.")
    if message.expires_at is not None:
        raise Forbidden("A message that expires is not forwarded.")
    if origin.kind == Kind.CLINICAL and (target.kind, target.patient_id) != (Kind.CLINICAL, origin.patient_id):
        raise Forbidden("What was written in a clinical conversation stays with its patient.")


def can_report(actor: Actor, message: MessageRow) -> None:
    if message.sender_id == actor.id:
        raise Forbidden("Nobody reports what they wrote themselves.")


def can_update_conversation(actor: Actor, membership: Membership) -> None:
    """Owner and moderators; in a direct conversation, which nobody owns, both.

    Not who is muted, though they go on moderating: what a room is called is said to everybody in it.
    """
    if membership.role not in LEADERS and membership.conversation.kind != Kind.DIRECT:
        raise Forbidden("Only the owner and moderators may change this conversation.")
    if membership.is_muted:
        raise Forbidden("You have been muted in this conversation.")


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


def can_decide_history(membership: Membership) -> None:
    """How far back newcomers read tells them what was written before they came: the owner decides it."""
    if membership.role != Role.OWNER:
        raise Forbidden("Only the owner decides how far back newcomers read.")


# ---- Members ---------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two members of a conversation: who acts, and whom it concerns, whose stay may have ended."""

    mine: Membership
    theirs: Membership


def can_join(actor: Actor, conversation: Conversation) -> None:
    """Rooms only. That it may be joined by this person is decided by who finds it."""
    if conversation.kind not in ROOMS:
        raise Forbidden("Only rooms are joined.")


def can_leave(actor: Actor, membership: Membership) -> None:
    """Rooms, and the clinical conversation one covers. The two it is about stay; each may archive it."""
    kind = membership.conversation.kind
    if kind == Kind.DIRECT:
        raise Forbidden("Nobody leaves a direct conversation; archive it instead.")
    if kind == Kind.CLINICAL and membership.until is None:
        raise Forbidden("Patient and provider stay in their conversation; archive it instead.")


def can_add_members(actor: Actor, membership: Membership) -> None:
    """Owner and moderators of a room; to a clinical conversation its provider, who owns it, adds covering staff."""
    kind = membership.conversation.kind
    if kind == Kind.DIRECT:
        raise Forbidden("A direct conversation is between two people.")
    if kind == Kind.CLINICAL and membership.role != Role.OWNER:
        raise Forbidden("Only the provider of a clinical conversation arranges who covers.")
    if membership.role not in LEADERS:
        raise Forbidden("Only the owner and moderators add people.")


def can_give_role(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        raise Forbidden("Only owners give roles.")


def can_see_banned(membership: Membership) -> None:
    if membership.role not in LEADERS:
        raise Forbidden("Only the owner and moderators see who was banned.")


def can_manage_member(actor: Actor, pair: Pair) -> None:
    """Change what somebody is in a room, silence or ban them: owners everybody, moderators plain members."""
    if pair.mine.conversation.kind not in ROOMS:
        raise Forbidden("Members of a conversation that is no room stay what they are.")
    _lead(pair)


def can_remove_member(actor: Actor, pair: Pair) -> None:
    """The same; from a clinical conversation its provider removes who covers. Removing oneself is leaving."""
    if pair.mine.id == pair.theirs.id:
        return can_leave(actor, pair.mine)
    kind = pair.mine.conversation.kind
    if kind == Kind.DIRECT:
        raise Forbidden("Nobody is removed from a direct conversation.")
    if kind == Kind.CLINICAL and (pair.theirs.until is None or pair.mine.role != Role.OWNER):
        raise Forbidden("Patient and provider stay in their conversation; only its provider removes who covers.")
    return _lead(pair)


def can_silence(pair: Pair) -> None:
    """Mute or ban: others, never oneself."""
    if pair.mine.user_id == pair.theirs.user_id:
        raise Forbidden("Nobody mutes or bans themselves; leave instead.")


def _lead(pair: Pair) -> None:
    if pair.mine.role not in LEADERS:
        raise Forbidden("Only the owner and moderators may do this.")
    if pair.mine.role != Role.OWNER and pair.theirs.role in LEADERS and pair.theirs.left_seq is None:
        raise Forbidden("Moderators have no say over owners and other moderators.")
