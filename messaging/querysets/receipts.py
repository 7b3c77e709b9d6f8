"""How far messages have got: when the people they were for first had them, and first read them.

Times are kept of clinical and direct conversations only, as moves of watermarks. The first move that got as far as a
message is found in the moves' own index, so that it does not matter how long the history is.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import F, FilteredRelation, OuterRef, Q, Subquery

from messaging.models import Message, WatermarkMove
from messaging.models.membership import Watermark
from messaging.prepared import Prepared
from messaging.querysets.members import members_of
from messaging.rows import MessageRow, Reached, Receipt


def reached(rows: Iterable[MessageRow]) -> dict[UUID, Reached]:
    """What is known of these messages, by id: those who were members when they were sent count, except their senders.

    One query, that reads two moves at most for each message and member.
    """
    moments: defaultdict[UUID, list[Reached]] = defaultdict(list)
    for message_id, sender_id, user_id, *times in _reached([row.id for row in rows]):
        if user_id != sender_id:
            moments[message_id].append(Reached._make(times))
    return {message_id: Reached(*map(_latest, zip(*found, strict=True))) for message_id, found in moments.items()}


def receipts_for(row: MessageRow) -> list[Receipt]:
    """Those of the present members who were so when the message was sent, except its sender, in the order in which they
    joined."""
    receivers = members_of(row.conversation_id).filter(joined_seq__lte=row.seq).exclude(user=row.sender_id)
    receipts = receivers.annotate(
        first_delivered_at=_first_move(Watermark.DELIVERED, OuterRef("pk"), row.seq),
        first_read_at=_first_move(Watermark.READ, OuterRef("pk"), row.seq),
    ).values_list("user_id", "delivered_seq", "read_seq", "first_delivered_at", "first_read_at")
    return list(map(Receipt._make, receipts))


def _latest(moments: tuple[datetime | None, ...]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _first_move(watermark: str, membership: OuterRef, seq: int | OuterRef) -> Subquery:
    """When this watermark of the membership first got as far as `seq`."""
    moves = WatermarkMove.objects.filter(membership=membership, watermark=watermark, seq__gte=seq)
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
            first_delivered_at=_first_move(Watermark.DELIVERED, OuterRef("stay__id"), OuterRef("seq")),
            first_read_at=_first_move(Watermark.READ, OuterRef("stay__id"), OuterRef("seq")),
        )
        .values_list("id", "sender_id", "stay__user", "first_delivered_at", "first_read_at")
    ),
    [UUID],
)
