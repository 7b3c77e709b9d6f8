"""How far members are, as others may know it.

Where one of two has blocked the other, neither hears any more how far the other gets in their direct conversation: to
the other each stands where they stood when the block came, as long as there is one. What moves meanwhile is stored all
the same, for whose it is: what they have read is not unread.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from accounts import blocks
from messaging.models import Membership, WatermarkMove
from messaging.models.conversation import Kind
from messaging.rows import Stay

WATERMARKS = ("delivered_seq", "delivered_at", "read_seq", "read_at")
"""The columns of a membership that `known` can be asked for."""


# The other of a direct conversation, if one of the two has blocked the other.
_BLOCKING = Q(user__blocks__blocked=OuterRef("user")) | Q(user__blocked_by__blocker=OuterRef("user"))

BLOCKED = Case(
    When(
        conversation__kind=Kind.DIRECT,
        then=Exists(Membership.objects.filter(_BLOCKING, conversation=OuterRef("conversation"))),
    ),
    default=False,
)
"""Of a membership: one of the two of a direct conversation has blocked the other. Of other kinds this is not asked."""


def as_told(stays: Mapping[UUID, tuple[Stay, ...]]) -> dict[UUID, tuple[Stay, ...]]:
    """The stays of these direct conversations, with the watermarks of each as the other knows them."""
    people = {stay.user_id for together in stays.values() for stay in together}
    if not blocks.among(people):
        return {**stays}
    columns = {"delivered": known("delivered_seq"), "read": known("read_seq")}
    blocked = Membership.objects.filter(BLOCKED, conversation__in=stays).annotate(**columns)
    rows = blocked.values_list("conversation_id", "user_id", *columns)
    told = {(conversation_id, user_id): watermarks for conversation_id, user_id, *watermarks in rows}
    return {id_: tuple(_held(stay, told.get((id_, stay.user_id))) for stay in stays[id_]) for id_ in stays}


def _held(stay: Stay, told: Sequence[int] | None) -> Stay:
    return stay if told is None else stay._replace(delivered_seq=told[0], read_seq=told[1])


def known(column: str, *, to: UUID | None = None) -> Case:
    """One of `WATERMARKS` of a membership as the others know it, and as it is `to` the person whose it is."""
    watermark, field = column.split("_")
    then = Subquery(_told(watermark).order_by("-seq").values(field)[:1])
    return _known(Coalesce(then, Value(0)) if field == "seq" else then, F(column), to)


def first_move(watermark: str, seq: int, *, to: UUID) -> Case:
    """When this watermark of a membership first got as far as `seq`, as far as `to` may know it."""
    return _known(_first(_told(watermark), seq), _first(_moves(watermark), seq), to)


def _first(moves: QuerySet[WatermarkMove], seq: int) -> Subquery:
    return Subquery(moves.filter(seq__gte=seq).order_by("seq").values("at")[:1])


def _known(told: Coalesce | Subquery, stored: F | Subquery, to: UUID | None) -> Case:
    own = [] if to is None else [When(user=to, then=stored)]
    return Case(*own, When(BLOCKED, then=told), default=stored)


def _told(watermark: str) -> QuerySet[WatermarkMove]:
    """The moves of a membership from before every block there is."""
    user, moment = OuterRef("membership__user"), OuterRef("at")
    blocking = Membership.objects.filter(
        Q(user__blocks__blocked=user, user__blocks__created_at__lte=moment)
        | Q(user__blocked_by__blocker=user, user__blocked_by__created_at__lte=moment),
        conversation=OuterRef("membership__conversation"),
    )
    return _moves(watermark).exclude(Exists(blocking))


def _moves(watermark: str) -> QuerySet[WatermarkMove]:
    return WatermarkMove.objects.filter(membership=OuterRef("pk"), watermark=watermark)
