"""Who may be seen looking at a conversation, and where somebody may be seen typing."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from django.db.models import Q

from messaging.models import Membership
from messaging.models.conversation import Kind
from messaging.policies import Desk
from messaging.querysets.members import not_found, seat_of
from messaging.querysets.stays import lasting
from realtime import streams


def desk_of(user_id: UUID, conversation_id: UUID) -> Desk:
    """Raises NotFound for a conversation of which this person is no member."""
    # The head first: whoever belongs to the conversation after it was read has not left before that event.
    head = streams.heads([conversation_id]).get(conversation_id, 0)
    return Desk(conversation_id, seat_of(conversation_id, user_id), head)


def members_among(
    user_ids: Collection[UUID], conversation_ids: Collection[UUID], *, asked_by: UUID
) -> dict[UUID, set[UUID]]:
    """Of each of these conversations those of these people who belong to it, and who asks.

    Where one of the two of a direct conversation has blocked the other, they do not see each other there. Raises
    NotFound for the first conversation of which who asks is no member.
    """
    found: dict[UUID, set[UUID]] = defaultdict(set)
    rows = Membership.objects.filter(
        lasting(),
        conversation__in=conversation_ids,
        user__in={*user_ids, asked_by},
        conversation__deleted_at=None,
    ).exclude(Q(user__blocks__blocked=asked_by) | Q(user__blocked_by__blocker=asked_by), conversation__kind=Kind.DIRECT)
    for conversation_id, user_id in rows.values_list("conversation_id", "user_id"):
        found[conversation_id].add(user_id)
    for conversation_id in conversation_ids:
        if asked_by not in found[conversation_id]:
            raise not_found(conversation_id)
    return found
