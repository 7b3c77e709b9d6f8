"""Members: who belongs to a conversation, since when, and whom somebody knows through it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from accounts.querysets import people_visible_to
from core.actor import Actor
from core.errors import NotFound
from messaging.models import Conversation, Membership
from messaging.models.conversation import History
from messaging.policies import Removal
from messaging.prepared import Prepared
from messaging.rows import SEAT_FIELDS, STAY_FIELDS, Seat, Sight, Stay, first_seq
from realtime.wiring import Begun


def not_found(conversation_id: UUID) -> NotFound:
    """The answer about a conversation that does not exist for the person who asks."""
    return NotFound(subject_id=conversation_id, conversation_id=conversation_id)


def sight_of(user_id: UUID, conversation_id: UUID) -> Sight:
    """What this person sees of the conversation; raises NotFound when they are no member of it or it is deleted."""
    rows = _everybody(conversation_id)
    stays = tuple(Stay._make(row[:-2]) for row in rows)
    mine = next((stay for stay in stays if stay.user_id == user_id and stay.left_seq is None), None)
    if mine is None:
        raise not_found(conversation_id)
    history, head_seq = rows[0][-2:]
    return Sight(conversation_id, first_seq(history, mine.joined_seq), head_seq, stays)


def stays_of(conversation_ids: Iterable[UUID]) -> dict[UUID, tuple[Stay, ...]]:
    """Everybody's stays in these conversations, past ones too."""
    found: dict[UUID, tuple[Stay, ...]] = {}
    rows = Membership.objects.filter(conversation__in=set(conversation_ids))
    for conversation_id, *stay in rows.values_list("conversation_id", *STAY_FIELDS):
        found[conversation_id] = (*found.get(conversation_id, ()), Stay._make(stay))
    return found


def seats_of(places: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Seat]:
    """The seats of these (conversation, user); who is no member, or whose conversation is deleted, has none."""
    rows = _seats(*(list(set(part)) for part in zip(*places, strict=True)))
    return {(conversation_id, user_id): Seat._make(seat) for conversation_id, user_id, *seat in rows}


def seat_of(conversation_id: UUID, user_id: UUID) -> Seat:
    """One person's seat; raises NotFound."""
    seat = seats_of([(conversation_id, user_id)]).get((conversation_id, user_id))
    if seat is None:
        raise not_found(conversation_id)
    return seat


def membership_of(user_id: UUID, conversation_id: UUID) -> Membership:
    """This person's present stay with its conversation and stream; raises NotFound."""
    found = _present(user=user_id, conversation=conversation_id).select_related("conversation__stream").first()
    if found is None:
        raise not_found(conversation_id)
    return found


def members_of(conversation_id: UUID) -> QuerySet[Membership]:
    """The present members with their users, in the order in which they joined."""
    return _present(conversation=conversation_id).select_related("user").order_by("joined_at", "id")


def user_ids_of(conversation_id: UUID) -> list[UUID]:
    """Who is in the conversation, deleted or not."""
    return list(
        Membership.objects.filter(conversation=conversation_id, left_seq=None).values_list("user_id", flat=True)
    )


def others_who_see(membership: Membership, seq: int) -> list[UUID]:
    """The other present members of the conversation to whom event `seq` is visible."""
    others = _present(conversation=membership.conversation_id).exclude(id=membership.id)
    if membership.conversation.history != History.ALL:
        others = others.filter(joined_seq__lte=seq)
    return list(others.values_list("user_id", flat=True))


def visible_streams(user_id: UUID) -> dict[UUID, int]:
    """The conversations whose events this person receives, each with the first number they may see."""
    rows = _present(user=user_id).values_list("conversation_id", "conversation__history", "joined_seq")
    return {conversation_id: first_seq(history, joined_seq) for conversation_id, history, joined_seq in rows}


def begun_since(moment: datetime) -> list[Begun]:
    """The stays that began after this moment of the database's clock and last, in conversations that are there."""
    rows = Membership.objects.filter(joined_at__gt=moment, left_seq=None, conversation__deleted_at=None)
    fields = rows.values_list("user_id", "conversation_id", "conversation__history", "joined_seq")
    return [Begun(user, stream, first_seq(history, joined), joined) for user, stream, history, joined in fields]


def people_sharing_with(user_id: UUID) -> QuerySet[Membership, Any]:
    """Ids of everybody who is in a conversation with this person now: one column, for a subquery."""
    return _present(conversation__in=_present(user=user_id).values("conversation")).values("user_id")


def shares_conversation(one: UUID, other: UUID) -> bool:
    return people_sharing_with(one).filter(user=other).exists()


def people_seen_by(actor: Actor, user_ids: Collection[UUID]) -> dict[UUID, User]:
    """Those of these people whom the actor may know of."""
    return {user.id: user for user in people_visible_to(actor).filter(id__in=user_ids)}


def removal_of(actor: Actor, conversation_id: UUID) -> Removal:
    """The conversation for somebody who wants to delete it.

    Raises NotFound unless they are a member or have the right to moderate.
    """
    conversation = Conversation.objects.filter(pk=conversation_id, deleted_at=None).first()
    role = _present(user=actor.id, conversation=conversation_id).values_list("role", flat=True).first()
    right = may_moderate(actor)
    if conversation is None or (role is None and not right):
        raise not_found(conversation_id)
    return Removal(conversation, role, right)


def may_moderate(actor: Actor) -> bool:
    """Whether the actor has the right to act in conversations they are no member of."""
    if actor.is_superuser or not actor.is_staff:
        return actor.is_superuser
    return User.objects.get(id=actor.id).has_perm("messaging.moderate_conversation")


def _present(**where: object) -> QuerySet[Membership]:
    return Membership.objects.filter(left_seq=None, conversation__deleted_at=None, **where)


_everybody = Prepared(
    lambda conversation_id: Membership.objects.filter(
        conversation=conversation_id, conversation__deleted_at=None
    ).values_list(*STAY_FIELDS, "conversation__history", "conversation__stream__head_seq"),
    UUID,
)

_seats = Prepared(
    lambda conversations, users: _present(conversation__in=conversations, user__in=users).values_list(
        "conversation_id", "user_id", *SEAT_FIELDS
    ),
    *([UUID], [UUID]),
)
