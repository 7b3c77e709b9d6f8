"""How much is unread, and how often somebody is named in it: counted when it is asked for, never stored.

Each number is a subquery over the messages above the person's read watermark, so a page of conversations costs no query
more for many of them, and a long history that has been read costs nothing.
"""

from uuid import UUID

from django.db.models import IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Least, Now

from messaging.models import Message
from messaging.querysets.messages import visible_messages

MOST_COUNTED = 1000
"""No count goes further: whoever has more to read has much to read."""

_ABOVE = Q(conversation=OuterRef("pk"), seq__gt=OuterRef("mine__read_seq"))
_MENTIONED_ABOVE = Q(mentions__conversation=OuterRef("pk"), mentions__seq__gt=OuterRef("mine__read_seq"))


class _CountUpTo(Subquery):
    """How many rows a sliced query has: counted in the database, and no further than the slice."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def unread_count(user_id: UUID) -> _CountUpTo:
    """How many messages this person has not read; 0 where they are no member.

    Those of others, the system included, that they may see and that are neither deleted nor expired. For querysets of
    conversations that have the person's stay as `mine`: so the bound is known before the messages are looked for.
    """
    return _count(_living(user_id, _ABOVE))


def mention_count(user_id: UUID) -> Least:
    """The same for messages that name them (`Mention`) or everybody (`mentions_all`), each of which counts once.

    Two counts, because each then walks an index that has nothing but mentions. A mention has the place of its message:
    that of the message itself must not be asked for too, else the database may walk through all that is unread.
    """
    named = _living(user_id, Q(mentions__user=user_id) & _MENTIONED_ABOVE, Q(mentions_all=False))
    everybody = _living(user_id, _ABOVE, Q(mentions_all=True))
    return Least(_count(named) + _count(everybody), MOST_COUNTED)


def _count(messages: QuerySet[Message]) -> _CountUpTo:
    return _CountUpTo(messages.values("pk")[:MOST_COUNTED])


def _living(user_id: UUID, *conditions: Q) -> QuerySet[Message]:
    """Messages of others that are not gone."""
    living = Q(deleted_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    return visible_messages(user_id, ~Q(sender=user_id), living, *conditions)
