"""Messages: what a person may see of them, and nothing else."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import F, FilteredRelation, Q, QuerySet

from core.errors import NotFound
from core.prepared import Prepared, Row
from messaging.models import Message
from messaging.models.conversation import History
from messaging.querysets.stays import lasting
from messaging.rows import MESSAGE_FIELDS, MessageRow

_HIGHEST = 2**63 - 1


def visible_messages(user_id: UUID, *conditions: Q) -> QuerySet[Message]:
    """The messages this person may see, and nothing else: every read of messages for a person starts here.

    That is: in a conversation that is not deleted, of which they are a member now, in the range their stay (or
    `history = all`) covers. `conditions` may speak of that stay as `stay__…`.
    """
    return Message.objects.alias(stay=present_stay("conversation__memberships", user_id)).filter(
        Q(conversation__history=History.ALL) | Q(seq__gte=F("stay__joined_seq")),
        *conditions,
        stay__isnull=False,
        conversation__deleted_at=None,
    )


def present_stay(path: str, user_id: UUID) -> FilteredRelation:
    """The person's present stay, reached over `path`, as one relation that further conditions can use."""
    return FilteredRelation(path, condition=Q(**{f"{path}__user": user_id}) & lasting(f"{path}__"))


def visible_message(user_id: UUID, message_id: UUID) -> MessageRow:
    """One message; raises NotFound when this person may not see it."""
    found = visible_messages_by_id(user_id, [message_id])
    if not found:
        raise NotFound(subject_id=message_id)
    return found[message_id]


def visible_messages_by_id(user_id: UUID, message_ids: Collection[UUID]) -> dict[UUID, MessageRow]:
    """Those of these messages that this person may see."""
    return _by_id(_visible_by_id(user_id, list(message_ids))) if message_ids else {}


def page(user_id: UUID, conversation_id: UUID, before: int | None, after: int | None, most: int) -> list[MessageRow]:
    """Up to `most` messages next to a bound: ascending after `after`, else descending from `before` or the newest."""
    if after is not None:
        rows = _later(user_id, conversation_id, after, most)
    else:
        rows = _earlier(user_id, conversation_id, _HIGHEST if before is None else before, most)
    return list(map(MessageRow._make, rows))


def messages_by_id(message_ids: Iterable[UUID]) -> dict[UUID, MessageRow]:
    """Messages for nobody in particular: whoever asks has checked that their events may be seen, or checks it then."""
    wanted = list(set(message_ids))
    return _by_id(_any_by_id(wanted)) if wanted else {}


def messages_by_client_id(keys: Iterable[tuple[UUID, UUID, str]]) -> dict[tuple[UUID, UUID, str | None], MessageRow]:
    """What was stored under these (conversation, sender, client id); for the senders' own repeats."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = _under_client_ids(*(list(set(part)) for part in zip(*wanted, strict=True)))
    found = map(MessageRow._make, rows)
    return {(row.conversation_id, row.sender_id, row.client_message_id): row for row in found}


def _by_id(rows: Iterable[Row]) -> dict[UUID, MessageRow]:
    return {row.id: row for row in map(MessageRow._make, rows)}


def _in_conversation(user_id: UUID, conversation_id: UUID) -> "QuerySet[Message, Row]":
    return visible_messages(user_id).filter(conversation=conversation_id).values_list(*MESSAGE_FIELDS)


_later = Prepared(
    lambda user_id, conversation_id, after, most: (
        _in_conversation(user_id, conversation_id).filter(seq__gt=after).order_by("seq")[:most]
    ),
    *(UUID, UUID, int, int),
)

_earlier = Prepared(
    lambda user_id, conversation_id, before, most: (
        _in_conversation(user_id, conversation_id).filter(seq__lt=before).order_by("-seq")[:most]
    ),
    *(UUID, UUID, int, int),
)

_visible_by_id = Prepared(
    lambda user_id, ids: visible_messages(user_id).filter(id__in=ids).values_list(*MESSAGE_FIELDS),
    *(UUID, [UUID]),
)

_any_by_id = Prepared(lambda ids: Message.objects.filter(id__in=ids).values_list(*MESSAGE_FIELDS), [UUID])

_under_client_ids = Prepared(
    lambda conversations, senders, client_ids: Message.objects.filter(
        conversation__in=conversations, sender__in=senders, client_message_id__in=client_ids
    ).values_list(*MESSAGE_FIELDS),
    *([UUID], [UUID], [str]),
)
