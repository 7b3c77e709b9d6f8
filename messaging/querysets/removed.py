"""What is known of what is not there any more."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, Q

from attachments.models import Attachment
from messaging.models import Membership, Message, RemovedMessage
from messaging.rows import first_seq


def removed_by_id(message_ids: Collection[UUID]) -> dict[UUID, RemovedMessage]:
    """The places of those of these messages that were removed."""
    return RemovedMessage.objects.in_bulk(message_ids) if message_ids else {}


def shredded_among(user_id: UUID, conversation_ids: Collection[UUID]) -> set[UUID]:
    """Those of these conversations that were shredded while this person was a member."""
    return _shredded(user_id).keys() & set(conversation_ids)


def shredded_places(user_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of these ids that name such a conversation, or a message or file of one that this person could see."""
    shredded = _shredded(user_id)
    if not shredded:
        return set()
    found = shredded.keys() & set(ids)
    for model in (Message, RemovedMessage):
        places = model._default_manager.filter(id__in=ids, conversation_id__in=shredded)
        rows = places.values_list("id", "conversation_id", "seq")
        found |= {id_ for id_, conversation_id, seq in rows if seq >= shredded[conversation_id]}
    files = Attachment.objects.filter(id__in=ids, conversation_id__in=shredded)
    return found | set(files.values_list("id", flat=True))


def _shredded(user_id: UUID) -> dict[UUID, int]:
    """Every such conversation, with the first number that they saw of it. Stays that lasted then are never ended."""
    over = Q(until__isnull=False, until__lte=F("conversation__shredded_at"))
    stays = Membership.objects.filter(~over, user=user_id, left_seq=None, conversation__shredded_at__isnull=False)
    rows = stays.values_list("conversation_id", "conversation__history", "joined_seq")
    return {conversation_id: first_seq(history, joined_seq) for conversation_id, history, joined_seq in rows}
