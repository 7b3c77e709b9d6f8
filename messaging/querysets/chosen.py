"""Messages chosen otherwise than by their place in the conversation: a thread, what is pinned, what is due to go."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q, QuerySet

from core.time import now
from messaging.models import Message, MessageEdit
from messaging.querysets.messages import visible_messages
from messaging.rows import MESSAGE_FIELDS, MessageRow
from retention.holds import not_held


def thread_page(user_id: UUID, root_id: UUID, before: int | None, after: int | None, most: int) -> list[MessageRow]:
    """Replies of a thread that this person may see, as `querysets.page` has messages."""
    replies = visible_messages(user_id).filter(thread_root=root_id)
    if after is not None:
        return _rows(replies.filter(seq__gt=after).order_by("seq")[:most])
    if before is not None:
        replies = replies.filter(seq__lt=before)
    return _rows(replies.order_by("-seq")[:most])


def pinned_messages(user_id: UUID, conversation_id: UUID) -> list[MessageRow]:
    """What is pinned and this person may see, the last one pinned first."""
    pinned = visible_messages(user_id, _not_expired()).filter(conversation=conversation_id, pinned_at__isnull=False)
    return _rows(pinned.order_by("-pinned_at", "-seq"))


def count_pinned(conversation_id: UUID) -> int:
    return Message.objects.filter(_not_expired(), conversation=conversation_id, pinned_at__isnull=False).count()


def edits_of(message_id: UUID, after: int | None, most: int) -> list[MessageEdit]:
    """What a message said before its edits, from behind revision `after` on, the oldest first."""
    edits = MessageEdit.objects.filter(message=message_id).order_by("revision")
    return list((edits if after is None else edits.filter(revision__gt=after))[:most])


def due_to_expire(most: int) -> list[tuple[UUID, UUID]]:
    """(conversation, message) of what has expired, still has its text and is not held, the longest expired first."""
    due = Message.objects.filter(not_held("conversation_id"), expires_at__lte=now(), deleted_at=None)
    due = due.order_by("expires_at")
    return list(due.values_list("conversation_id", "id")[:most])


def _not_expired() -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=now())


def _rows(messages: QuerySet[Message]) -> list[MessageRow]:
    rows: Iterable[tuple[object, ...]] = messages.values_list(*MESSAGE_FIELDS)
    return list(map(MessageRow._make, rows))
