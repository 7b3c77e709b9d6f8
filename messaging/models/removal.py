"""What is left of messages that were removed: their places, so that numbers, replays and the audit log stay whole."""

from django.db import models

from core.models import UUIDModel


class RemovedMessage(UUIDModel):
    """A message that retention, or the shredding of its conversation, took out of the database; `id` was its id.

    `batch` is the object of the audit entry (`messages.removed`) that holds the hash of all the ids removed with it: so
    a message that somebody else takes away cannot be passed off as one of these.
    """

    batch = models.UUIDField(editable=False)
    conversation_id = models.UUIDField(editable=False)
    seq = models.PositiveBigIntegerField(editable=False)
    sender_id = models.UUIDField(editable=False)

    class Meta:
        default_permissions = ()
