"""Policies, legal holds, and what each run took away."""

from django.db import models
from django.db.models import Q

from core.models import TimestampedModel, UUIDModel
from core.time import now
from encryption.fields import EncryptedTextField

MOST_DAYS = 36_500
"""A hundred years; for ever is no number."""


class Policy(TimestampedModel):
    """How long something is kept, when the rule's own period is not what this organisation needs.

    `rule` is the name of a `core.retention.RetentionRule`. Each field of the scope says what the policy is about; an
    empty one says nothing. `days` None keeps for ever.
    """

    rule = models.CharField(max_length=64)
    conversation_kind = models.CharField(max_length=16, blank=True, default="")
    course_id = models.CharField(max_length=64, blank=True, default="")
    message_type = models.CharField(max_length=16, blank=True, default="")
    state = models.CharField(max_length=16, blank=True, default="")
    days = models.PositiveIntegerField(null=True)
    note = EncryptedTextField[str, str](max_length=500, blank=True, default="")
    created_by = models.UUIDField(editable=False)

    class Meta:
        verbose_name_plural = "policies"
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "conversation_kind", "course_id", "message_type", "state"],
                name="retention_one_policy_per_scope",
            ),
            models.CheckConstraint(
                condition=Q(days=None) | Q(days__gte=1, days__lte=MOST_DAYS), name="retention_policy_days"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class TargetKind(models.TextChoices):
    USER = "user", "a person"
    PATIENT_RECORD = "patient_record", "a patient record"
    CONVERSATION = "conversation", "a conversation"


class LegalHold(UUIDModel):
    """Something must be kept whatever a policy says and whoever deletes it, until the hold is lifted.

    The reason and the case are encrypted, and shown to those only who may place holds.
    """

    target_kind = models.CharField(max_length=14, choices=TargetKind, editable=False)
    target_id = models.UUIDField(editable=False)
    reason = EncryptedTextField[str, str](max_length=500, editable=False)
    case_id = EncryptedTextField[str, str](max_length=100, blank=True, default="", editable=False)
    placed_by = models.UUIDField(editable=False)
    placed_at = models.DateTimeField(default=now, editable=False)
    lifted_by = models.UUIDField(null=True, editable=False)
    lifted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions = [("place_hold", "Can place and lift legal holds, and read why")]
        constraints = [
            models.CheckConstraint(condition=Q(target_kind__in=TargetKind.values), name="retention_hold_kind_is_known"),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None) | Q(lifted_by__isnull=False, lifted_at__isnull=False),
                name="retention_hold_lifted_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["target_kind", "target_id"], condition=Q(lifted_at=None), name="retention_holds_in_force"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class By(models.TextChoices):
    WORKER = "worker", "the worker, at night"
    COMMAND = "command", "somebody at a terminal"


class RunState(models.TextChoices):
    RUNNING = "running", "not ended yet, or interrupted"
    DONE = "done", "done"
    FAILED = "failed", "ended, and a rule failed"


class Run(UUIDModel):
    """One time that everything whose period was over by `started_at` was removed. One that was interrupted is taken up
    again; there is one at a time. `rule` names the only rule that it is about; empty is all of them."""

    started_at = models.DateTimeField(default=now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    by = models.CharField(max_length=7, choices=By, editable=False)
    rule = models.CharField(max_length=64, blank=True, default="", editable=False)
    state = models.CharField(max_length=7, choices=RunState, default=RunState.RUNNING, editable=False)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="running"), name="retention_one_run_at_a_time"),
            models.CheckConstraint(condition=Q(by__in=By.values), name="retention_run_by_is_known"),
            models.CheckConstraint(
                condition=Q(state="running", finished_at=None)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
                name="retention_run_ended_or_not",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class RunCount(models.Model):
    """What a run took away by one rule so far, written in the transaction that takes it away. `failure` is the class of
    the error that ended it, never its text."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="counts")
    rule = models.CharField(max_length=64, editable=False)
    rows = models.PositiveBigIntegerField(default=0, editable=False)
    files = models.PositiveBigIntegerField(default=0, editable=False)
    failure = models.CharField(max_length=100, blank=True, default="", editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "rule"], name="retention_one_count_per_rule")]
