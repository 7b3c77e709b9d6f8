"""A membership: one stay of one person in one conversation. Leaving ends it, coming back starts another."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.models import UUIDModel
from core.time import now
from messaging.models.conversation import Conversation
from realtime.models import DatabaseClock


class Role(models.TextChoices):
    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


LEADERS = frozenset({Role.OWNER, Role.MODERATOR})
"""Who leads a room."""


class Membership(UUIDModel):
    """One stay. It covers the events from `joined_seq` to `left_seq`, both included.

    `delivered_seq` and `read_seq` are watermarks: everything up to them has arrived, has been read. They only grow.
    `muted` and `muted_until` silence notifications for the member; `is_muted` silences the member. A member who was
    banned has no stay, and a last one with `is_blocked`. `until` is set for covering staff, whose stay ends by then.
    """

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships", db_index=False)
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    joined_seq = models.PositiveBigIntegerField(default=1)
    joined_at = models.DateTimeField(db_default=DatabaseClock(), db_index=True, editable=False)
    left_seq = models.PositiveBigIntegerField(null=True)
    left_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    is_muted = models.BooleanField(default=False)
    is_blocked = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    muted = models.BooleanField(default=False)
    muted_until = models.DateTimeField(null=True)
    delivered_seq = models.PositiveBigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    read_seq = models.PositiveBigIntegerField(default=0)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "user"], condition=Q(left_seq=None), name="one_stay_at_a_time"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_is_known"),
            models.CheckConstraint(condition=Q(delivered_seq__gte=F("read_seq")), name="what_is_read_is_delivered"),
            models.CheckConstraint(
                condition=Q(left_seq=None, left_at=None) | Q(left_seq__gte=F("joined_seq") - 1, left_at__isnull=False),
                name="a_stay_ends_after_it_began",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "conversation"], condition=Q(left_seq=None), name="present_members"),
            models.Index(fields=["until"], condition=Q(left_seq=None, until__isnull=False), name="stays_that_end"),
        ]


class Watermark(models.TextChoices):
    DELIVERED = "delivered"
    READ = "read"


class WatermarkMove(models.Model):
    """A watermark of a clinical or direct conversation reached `seq`: one row for each move, never changed.

    So it can be told when a message had been delivered and read: a message's `readAt` is when the last of those it
    waits for first got past it. In rooms there would be a row per member and message, so there are none.
    """

    membership = models.ForeignKey(Membership, models.PROTECT, related_name="moves", db_index=False)
    watermark = models.CharField(max_length=9, choices=Watermark)
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "watermark", "seq"], name="a_watermark_moves_forward"),
            models.CheckConstraint(condition=Q(watermark__in=Watermark.values), name="watermark_is_known"),
        ]
