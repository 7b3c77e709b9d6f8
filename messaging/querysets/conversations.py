"""Conversations as one person sees them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.permissions import may_find_rooms
from core.actor import Actor
from core.prepared import Prepared, Row
from messaging.models import Conversation, Membership, RoomWord
from messaging.models.conversation import OPEN_ROOMS, Kind, pair_key
from messaging.querysets.counts import mention_count, unread_count
from messaging.querysets.members import not_found
from messaging.querysets.messages import present_stay, visible_messages
from messaging.querysets.stays import lasting
from messaging.rows import CONVERSATION_FIELDS, ConversationRow, Counts


def conversation_between(kind: str, one: UUID, other: UUID, *, member: UUID) -> Conversation | None:
    """The conversation of this kind between the two, if `member` is in it: patient and provider, or any two."""
    pair = Q(patient=one, provider=other) if kind == Kind.CLINICAL else Q(pair_key=pair_key(one, other))
    present = Q(memberships__user=member) & lasting("memberships__")
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
    if position is None and kind is None and archived is None:
        return list(map(ConversationRow._make, _newest(user_id, most)))
    found = _mine(user_id)
    if kind is not None:
        found = found.filter(kind=kind)
    if archived is not None:
        found = found.filter(mine__archived=archived)
    return _rows(user_id, _from(position, found)[:most])


def joinable_rooms(
    user_id: UUID, tokens: Collection[bytes], position: tuple[datetime, UUID] | None, most: int
) -> list[ConversationRow]:
    """Up to `most` of the open rooms this person is not in and may join, as far as their role lets them find any.

    Those whose name has all these words, newest activity first, from `position` on.
    """
    found = _joinable(user_id)
    for token in tokens:
        found = found.filter(Exists(RoomWord.objects.filter(conversation=OuterRef("pk"), token=token)))
    return _rows(user_id, _from(position, found)[:most])


def room_to_join(actor: Actor, conversation_id: UUID) -> Conversation:
    """A conversation the actor is in already, or an open room that they may join; else raises NotFound."""
    found: Conversation | None = conversations_read_by(actor.id).filter(pk=conversation_id, mine__isnull=False).first()
    if found is None and may_find_rooms(actor.role):
        found = _joinable(actor.id).filter(pk=conversation_id).first()
    if found is None:
        raise not_found(conversation_id)
    return found


def conversation_row(user_id: UUID, conversation_id: UUID) -> ConversationRow:
    """One conversation as this person sees it, member or not; raises NotFound when it does not exist."""
    rows = conversation_rows(user_id, [conversation_id])
    if not rows:
        raise not_found(conversation_id)
    return rows[0]


def conversation_rows(user_id: UUID, ids: Collection[UUID]) -> list[ConversationRow]:
    """Those of these conversations that exist, as this person sees them, member or not, in the order of their ids."""
    return list(map(ConversationRow._make, _by_id(user_id, list(ids)))) if ids else []


def clinical_conversation(conversation_id: UUID) -> Conversation | None:
    """A clinical conversation that is not deleted, with its provider."""
    clinical = Conversation.objects.filter(kind=Kind.CLINICAL, deleted_at=None)
    return clinical.select_related("provider").filter(pk=conversation_id).first()


def deleted_conversations(ids: Collection[UUID]) -> list[UUID]:
    """Which of these were deleted."""
    return list(Conversation.objects.filter(pk__in=ids, deleted_at__isnull=False).values_list("pk", flat=True))


def counts_of(user_id: UUID) -> list[Counts]:
    """What this person has not read, in every conversation they belong to."""
    return list(map(Counts._make, _counts(user_id)))


def conversations_read_by(user_id: UUID) -> QuerySet[Any, Any]:
    """Every conversation that is not deleted, with the person's stay as `mine`: none where they are no member."""
    return Conversation.objects.filter(deleted_at=None).annotate(
        mine=present_stay("memberships", user_id), active_at=Coalesce("stream__head_at", "created_at")
    )


def _mine(user_id: UUID) -> QuerySet[Any, Any]:
    return conversations_read_by(user_id).filter(mine__isnull=False)


def _joinable(user_id: UUID) -> QuerySet[Any, Any]:
    """Open rooms this person is not in and was not banned from."""
    banned = Membership.objects.filter(conversation=OuterRef("pk"), user=user_id, is_blocked=True)
    open_rooms = conversations_read_by(user_id).filter(kind__in=OPEN_ROOMS, mine__isnull=True)
    return open_rooms.exclude(Exists(banned))


def _from(position: tuple[datetime, UUID] | None, conversations: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Newest activity first, from `position` on."""
    if position is not None:
        moment, last_id = position
        conversations = conversations.filter(Q(active_at__lt=moment) | Q(active_at=moment, pk__lt=last_id))
    return conversations.order_by("-active_at", "-pk")


def _rows(user_id: UUID, conversations: QuerySet[Any, Any]) -> list[ConversationRow]:
    return list(map(ConversationRow._make, _as_seen_by(user_id, conversations)))


def _as_seen_by(user_id: UUID, conversations: QuerySet[Any, Any]) -> "QuerySet[Any, Row]":
    """The fields of a `ConversationRow` of each."""
    present = Membership.objects.filter(lasting(), conversation=OuterRef("pk")).order_by().values("conversation")
    newest = visible_messages(user_id).filter(conversation=OuterRef("pk")).order_by("-seq").values("pk")[:1]
    seen: QuerySet[Any, Row] = conversations.annotate(
        member_count=Subquery(present.annotate(n=Count("*")).values("n")),
        unread_count=unread_count(user_id),
        mention_count=mention_count(user_id),
        last_message_id=Subquery(newest),
    ).values_list(*CONVERSATION_FIELDS)
    return seen


_newest = Prepared(
    lambda user_id, most: _as_seen_by(user_id, _from(None, _mine(user_id))[:most]),
    *(UUID, int),
)

_by_id = Prepared(
    lambda user_id, ids: _as_seen_by(user_id, conversations_read_by(user_id).filter(pk__in=ids).order_by("pk")),
    *(UUID, [UUID]),
)

_counts = Prepared(
    lambda user_id: (
        _mine(user_id)
        .annotate(unread=unread_count(user_id), mentions=mention_count(user_id))
        .values_list("unread", "mentions")
    ),
    UUID,
)
