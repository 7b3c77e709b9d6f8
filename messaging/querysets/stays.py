"""Which stays last. The one place that knows: everything that asks who is a member now asks it with this.

A stay lasts until it is ended, or until its end has come (`until`, covering staff): from that moment on it counts for
nothing, whether a worker has written that down or not. The moment is the database's, asked in the query itself.
"""

from django.db.models import BigIntegerField, Case, F, Q, When
from django.db.models.functions import Now


def lasting(path: str = "") -> Q:
    """The condition that a membership, reached over `path` (`"memberships__"`), lasts."""
    not_over = Q(**{f"{path}until": None}) | Q(**{f"{path}until__gt": Now()})
    return Q(**{f"{path}left_seq": None}) & not_over


def ended_seq() -> Case:
    """The last number of a membership's stay; of one whose end has come the number before the next; None if it lasts.

    For querysets of memberships, as the annotation `ended_seq`.
    """
    over = When(left_seq=None, until__lte=Now(), then=F("conversation__stream__head_seq"))
    return Case(over, default=F("left_seq"), output_field=BigIntegerField())
