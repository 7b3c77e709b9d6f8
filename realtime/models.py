"""Streams: for each conversation one dense, durable sequence of events."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler

from core.models import UUIDModel


class DatabaseClock(Now):
    """The database's own clock at the moment a row is inserted, so that clocks of server processes do not matter.

    Not the start of the statement or of the transaction: what waited long for a lock must not look old once it can be
    seen.
    """

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **extra)


class Stream(models.Model):
    """The head of a conversation's events. Its row is the one lock for every change of the conversation.

    No index but the key's: an indexed column would end PostgreSQL's cheap in-place updates of this hot row.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    head_seq = models.BigIntegerField(default=0, editable=False)
    head_at = models.DateTimeField(null=True, editable=False)

    is_short = False
    """No column: whether the database had no room for more than audit entries when this row was locked."""


class Event(UUIDModel):
    """One numbered fact. `seq` counts 1, 2, 3 … in its stream, without gaps, and is never used again.

    An event about a message names the message and is rendered from it when it is read, so that a replay shows today's
    text. Every other event keeps its data in `body`, sealed with the conversation's key (kind `event`), until retention
    takes it: then the number is left, and who did what kind of thing when.
    """

    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="+", db_index=False, editable=False)
    seq = models.BigIntegerField(editable=False)
    kind = models.CharField(max_length=40, editable=False)
    actor_id = models.UUIDField(editable=False)
    message_id = models.UUIDField(null=True, editable=False)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=DatabaseClock(), db_index=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "seq"], name="realtime_event_stream_seq"),
            models.CheckConstraint(
                condition=models.Q(message_id__isnull=True) | models.Q(body__isnull=True),
                name="realtime_event_message_or_body",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], condition=models.Q(body__isnull=False), name="events_with_a_body")
        ]
