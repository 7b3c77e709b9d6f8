"""A membership: one stay of one person in one conversation. Leaving ends it, coming back starts another."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.models import UUIDModel
from messaging.models.conversation import Conversation
from realtime.models import DatabaseClock


class Role(models.TextChoices):
    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


class Membership(UUIDModel):
    """One stay. It covers the events from `joined_seq` to `left_seq`, both included.

    `delivered_seq` and `read_seq` are watermarks: everything up to them has arrived, has been read. They only grow.
    `muted` and `muted_until` silence notifications for the member; `is_muted` silences the member.
    """

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships", db_index=False)
    role = models.CharField(max_length=16, choices=Role, default=Role.MEMBER)
    joined_seq = models.PositiveBigIntegerField(default=1)
    joined_at = models.DateTimeField(db_default=DatabaseClock(), db_index=True, editable=False)
    left_seq = models.PositiveBigIntegerField(null=True)
    left_at = models.DateTimeField(null=True)
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
        indexes = [models.Index(fields=["user", "conversation"], condition=Q(left_seq=None), name="present_members")]
