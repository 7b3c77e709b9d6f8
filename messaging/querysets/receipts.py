"""How far messages have got: when the people they were for first had them, and first read them.

Times are kept of clinical and direct conversations only, as moves of watermarks. The first move that got as far as a
message is found in the moves' own index, so that it does not matter how long the history is.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F, FilteredRelation, OuterRef, Q, Subquery

from core.errors import NotFound
from core.prepared import Prepared
from messaging.models import Message, WatermarkMove
from messaging.models.membership import Watermark
from messaging.querysets.members import members_of
from messaging.querysets.watermarks import first_move, known
from messaging.rows import MessageRow, Reached, Receipt

_RECEIPT = ("known_delivered_seq", "known_read_seq", "first_delivered_at", "first_read_at")


def reached(rows: Iterable[MessageRow]) -> dict[UUID, Reached]:
    """What is known of these messages, by id: those who were members when they were sent count, except their senders.

    One query, that reads two moves at most for each message and member.
    """
    moments: defaultdict[UUID, list[Reached]] = defaultdict(list)
    for message_id, sender_id, user_id, *times in _reached([row.id for row in rows]):
        if user_id != sender_id:
            moments[message_id].append(Reached._make(times))
    return {message_id: Reached(*map(_latest, zip(*found, strict=True))) for message_id, found in moments.items()}


def receipts_for(row: MessageRow, user_id: UUID) -> list[Receipt]:
    """Those of the present members who were so when the message was sent, except its sender, in the order in which they
    joined: as far as this one of the members may know. Raises NotFound when they are none any more."""
    members = members_of(row.conversation_id).annotate(
        known_delivered_seq=known("delivered_seq", to=user_id),
        known_read_seq=known("read_seq", to=user_id),
        first_delivered_at=first_move(Watermark.DELIVERED, row.seq, to=user_id),
        first_read_at=first_move(Watermark.READ, row.seq, to=user_id),
    )
    found = list(members.values_list("joined_seq", "user_id", *_RECEIPT))
    if user_id not in {one for _, one, *_ in found}:
        raise NotFound(subject_id=row.id)
    return [Receipt(one, *progress) for joined, one, *progress in found if joined <= row.seq and one != row.sender_id]


def _latest(moments: tuple[datetime | None, ...]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _first_move(watermark: str) -> Subquery:
    """When this watermark of the stay first got as far as the message."""
    moves = WatermarkMove.objects.filter(membership=OuterRef("stay__id"), watermark=watermark, seq__gte=OuterRef("seq"))
    return Subquery(moves.order_by("seq").values("at")[:1])


_reached = Prepared(
    lambda ids: (
        Message.objects.alias(stay=FilteredRelation("conversation__memberships"))
        .filter(
            Q(stay__left_seq=None) | Q(stay__left_seq__gte=F("seq")),
            id__in=ids,
            stay__joined_seq__lte=F("seq"),
            stay__delivered_seq__gte=F("seq"),
        )
        .annotate(
            first_delivered_at=_first_move(Watermark.DELIVERED),
            first_read_at=_first_move(Watermark.READ),
        )
        .values_list("id", "sender_id", "stay__user", "first_delivered_at", "first_read_at")
    ),
    [UUID],
)
