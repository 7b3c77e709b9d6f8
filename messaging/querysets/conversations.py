"""Conversations as one person sees them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from messaging.models import Conversation, Membership
from messaging.models.conversation import Kind, pair_key
from messaging.querysets.members import not_found
from messaging.querysets.messages import present_stay, visible_messages
from messaging.rows import CONVERSATION_FIELDS, ConversationRow

MOST_UNREAD = 1000


class _CountUpTo(Subquery):
    """How many rows a sliced query has: counted in the database, and no further than the slice."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def conversation_between(kind: str, one: UUID, other: UUID, *, member: UUID) -> Conversation | None:
    """The conversation of this kind between the two, if `member` is in it: patient and provider, or any two."""
    pair = Q(patient=one, provider=other) if kind == Kind.CLINICAL else Q(pair_key=pair_key(one, other))
    present = Q(memberships__user=member, memberships__left_seq=None)
    return Conversation.objects.filter(pair, present, kind=kind, deleted_at=None).first()


def conversations_of(
    user_id: UUID,
    position: tuple[datetime, UUID] | None,
    most: int,
    *,
    kind: str | None = None,
    archived: bool | None = None,
) -> list[ConversationRow]:
    """Up to `most` of the conversations this person belongs to, newest activity first, from `position` on."""
    found = conversations_read_by(user_id).filter(mine__isnull=False)
    if kind is not None:
        found = found.filter(kind=kind)
    if archived is not None:
        found = found.filter(mine__archived=archived)
    if position is not None:
        moment, last_id = position
        found = found.filter(Q(active_at__lt=moment) | Q(active_at=moment, pk__lt=last_id))
    return _rows(user_id, found.order_by("-active_at", "-pk")[:most])


def conversation_row(user_id: UUID, conversation_id: UUID) -> ConversationRow:
    """One conversation as this person sees it, member or not; raises NotFound when it does not exist."""
    rows = _rows(user_id, conversations_read_by(user_id).filter(pk=conversation_id))
    if not rows:
        raise not_found(conversation_id)
    return rows[0]


def deleted_conversations(ids: Collection[UUID]) -> list[UUID]:
    """Which of these were deleted."""
    return list(Conversation.objects.filter(pk__in=ids, deleted_at__isnull=False).values_list("pk", flat=True))


def unread_counts(user_id: UUID) -> list[int]:
    """The numbers of unread messages, one for each conversation this person belongs to."""
    mine = conversations_read_by(user_id).filter(mine__isnull=False)
    return list(mine.annotate(unread_count=_unread(user_id)).values_list("unread_count", flat=True))


def conversations_read_by(user_id: UUID) -> QuerySet[Any, Any]:
    """Every conversation that is not deleted, with the person's stay as `mine`: none where they are no member."""
    return Conversation.objects.filter(deleted_at=None).annotate(
        mine=present_stay("memberships", user_id), active_at=Coalesce("stream__head_at", "created_at")
    )


def _rows(user_id: UUID, conversations: QuerySet[Any, Any]) -> list[ConversationRow]:
    present = Membership.objects.filter(conversation=OuterRef("pk"), left_seq=None).order_by().values("conversation")
    newest = visible_messages(user_id).filter(conversation=OuterRef("pk")).order_by("-seq").values("pk")[:1]
    rows = conversations.annotate(
        member_count=Subquery(present.annotate(n=Count("*")).values("n")),
        unread_count=_unread(user_id),
        last_message_id=Subquery(newest),
    ).values_list(*CONVERSATION_FIELDS)
    return list(map(ConversationRow._make, rows))


def _unread(user_id: UUID) -> _CountUpTo:
    """Messages of others above the person's read watermark, counted no further than `MOST_UNREAD`."""
    above = Q(seq__gt=F("stay__read_seq"), conversation=OuterRef("pk"), deleted_at=None)
    return _CountUpTo(visible_messages(user_id, above & ~Q(sender=user_id)).values("pk")[:MOST_UNREAD])
