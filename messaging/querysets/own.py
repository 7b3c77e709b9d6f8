"""What is somebody's own, page by page, in orders that do not move while more comes: for `messaging.export`."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from attachments.models import SHOWN, Attachment
from messaging.models import Membership
from messaging.querysets.messages import visible_messages
from messaging.querysets.stays import lasting


class OwnReaction(NamedTuple):
    """A reaction with the place of its message. The fields are in the order of `_REACTION_FIELDS`."""

    seq: int
    id: UUID
    message_id: UUID
    emoji: str
    created_at: datetime


_REACTION_FIELDS = ("seq", "reactions__id", "id", "reactions__emoji", "reactions__created_at")


def own_stays(user_id: UUID, after: UUID | None, most: int) -> list[Membership]:
    """This person's present stays in the order of their conversations' ids, from behind `after` on."""
    stays = Membership.objects.filter(lasting(), user=user_id, conversation__deleted_at=None)
    if after is not None:
        stays = stays.filter(conversation__gt=after)
    return list(stays.order_by("conversation_id")[:most])


def own_reactions(user_id: UUID, conversation_id: UUID, after: tuple[int, UUID], most: int) -> list[OwnReaction]:
    """Their reactions to messages of a conversation that they may see, from behind the reaction (seq, id) on."""
    seq, last_id = after
    behind = Q(seq__gt=seq) | Q(seq=seq, reactions__id__gt=last_id)
    found = visible_messages(user_id).filter(
        behind, conversation=conversation_id, has_reactions=True, reactions__user=user_id
    )
    rows = found.order_by("seq", "reactions__id").values_list(*_REACTION_FIELDS)
    return list(map(OwnReaction._make, rows[:most]))


def own_mentions(user_id: UUID, conversation_id: UUID, after: int, most: int) -> list[tuple[UUID, int]]:
    """(message, seq) of the messages of a conversation that name them and that they may see, behind `after`."""
    named = visible_messages(user_id).filter(conversation=conversation_id, seq__gt=after, mentions__user=user_id)
    return list(named.order_by("seq").values_list("id", "seq")[:most])


def messages_with_files(user_id: UUID, conversation_id: UUID, after: int, most: int) -> list[tuple[UUID, int]]:
    """(message, seq) of the messages with files that they may see, behind `after`."""
    found = visible_messages(user_id).filter(
        conversation=conversation_id, seq__gt=after, has_files=True, deleted_at=None
    )
    living = found.filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    return list(living.order_by("seq").values_list("id", "seq")[:most])


def own_unsent_files(user_id: UUID, conversation_id: UUID) -> list[Attachment]:
    """What they have uploaded into a conversation and not sent yet."""
    unsent = Attachment.objects.filter(owner=user_id, message_id=None, gone_at=None, status__in=SHOWN)
    return list(unsent.filter(conversation_id=conversation_id).order_by("id"))
