"""Bases of every table, and the one table of core: background work that waits."""

from django.db import models

from core.ids import uuid7
from core.time import now


class UUIDModel(models.Model):
    """A row whose id is made before it is stored, so that ciphertext can be bound to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class TimestampedModel(UUIDModel):
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class TaskState(models.TextChoices):
    WAITING = "waiting", "waiting for its time"
    RUNNING = "running", "a worker has it"
    DONE = "done", "done"
    FAILED = "failed", "given up"


class Task(UUIDModel):
    """One piece of background work: a call of the `core.jobs.Job` of that name.

    `payload` holds ids and nothing else, so that no text of people waits here in the clear. `run_at` is when the task
    is due; while it runs, when its lease ends and another worker may take it over. `reason` is the class of the last
    error, never its text.
    """

    name = models.CharField(max_length=64)
    periodic = models.BooleanField(default=False)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=TaskState, default=TaskState.WAITING)
    run_at = models.DateTimeField(default=now)
    attempts = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "core_task"
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(periodic=True), name="core_task_one_per_period"
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_at"],
                condition=models.Q(state__in=[TaskState.WAITING, TaskState.RUNNING]),
                name="core_task_due",
            ),
        ]
