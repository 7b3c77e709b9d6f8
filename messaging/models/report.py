"""A report: somebody asks moderators to look at a message."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.models import UUIDModel
from core.time import now
from messaging.models.message import Message


class Reason(models.TextChoices):
    SPAM = "spam"
    HARASSMENT = "harassment"
    THREAT = "threat"
    SELF_HARM = "self_harm"
    PRIVACY = "privacy"
    OTHER = "other"


class Report(UUIDModel):
    """One person's report of one message.

    `evidence` is a sealed copy of the message as it was then, and of its neighbours where the reporter asked for that:
    editing or deleting it afterwards takes nothing away. It is sealed under the conversation's key, bound to this row
    and to the reporter. The reporter's own words are part of it.
    """

    message = models.ForeignKey(Message, models.PROTECT, related_name="reports", db_index=False)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=16, choices=Reason)
    evidence = models.BinaryField()
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "reporter"], name="one_report_per_person_and_message"),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="report_reason_is_known"),
        ]
