"""Who wants nothing to do with whom.

A block works in both directions alike: what it takes away (direct conversations, calls, presence) it takes from both,
so that neither can tell from it who of them blocked whom. Rooms and clinical conversations stay as they are; into a
room neither can put the other.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet

from accounts.models import Block
from core.prepared import Prepared

Reference = UUID | OuterRef
"""A person by id, or by a column of the query around a subquery."""


def between(one: Reference, other: Reference) -> QuerySet[Block, Any]:
    """The blocks of these two, whoever of them it was: `Exists(between(OuterRef("user"), actor.id))`."""
    return Block.objects.filter(Q(blocker=one, blocked=other) | Q(blocker=other, blocked=one))


def are_blocked(one: UUID, other: UUID) -> bool:
    """Whether one of the two has blocked the other."""
    return between(one, other).exists()


def any_between(one: UUID, others: Collection[UUID]) -> bool:
    """Whether this person has blocked one of the others, or one of them this person."""
    return (
        bool(others)
        and Block.objects.filter(Q(blocker=one, blocked__in=others) | Q(blocker__in=others, blocked=one)).exists()
    )


def among(people: Collection[UUID]) -> bool:
    """Whether one of these people has blocked another of them."""
    return bool(people) and bool(_among(list(people)))


def of(blocker_id: UUID) -> QuerySet[Block]:
    """Whom somebody has blocked, in the order in which they did. For themselves alone."""
    return Block.objects.filter(blocker=blocker_id).order_by("id")


_among = Prepared(
    lambda people: Block.objects.filter(blocker__in=people, blocked__in=people).values_list("id"),
    [UUID],
)
