"""A message: sealed text with a number in its conversation."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.models import UUIDModel
from core.time import now
from messaging.models.conversation import Conversation, Priority


class Type(models.TextChoices):
    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    FILE = "file"
    SYSTEM = "system"


class Format(models.TextChoices):
    PLAIN = "plain"
    MARKDOWN = "markdown"


class Message(UUIDModel):
    """`seq` is that of its `message:new` event. `body` is sealed under the conversation's key and bound to this row:
    its id, sender, type and revision are part of what the seal covers, so none of them may ever change alone.

    A deleted message keeps its row and number and has an empty body. The same `client_message_id` of the same sender
    in the same conversation is the same message.

    No index but those of the rules: each one more would be paid for with every send.
    """

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="messages", db_index=False)
    seq = models.PositiveBigIntegerField()
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    client_message_id = models.CharField(max_length=64, null=True)  # noqa: DJ001  NULLs never collide, blanks would
    type = models.CharField(max_length=8, choices=Type, default=Type.TEXT)
    format = models.CharField(max_length=8, choices=Format, default=Format.PLAIN)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    reply_to = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)
    body = models.BinaryField()
    revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="one_message_per_number"),
            models.UniqueConstraint(
                fields=["conversation", "sender", "client_message_id"],
                condition=Q(client_message_id__isnull=False),
                name="one_message_per_client_id",
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_numbers_start_at_one"),
            models.CheckConstraint(condition=Q(type__in=Type.values), name="message_type_is_known"),
            models.CheckConstraint(condition=~Q(client_message_id=""), name="client_message_id_is_not_empty"),
            models.CheckConstraint(
                condition=Q(deleted_at=None, deleted_by=None)
                | Q(deleted_at__isnull=False, deleted_by__isnull=False, body=b""),
                name="deleted_message_has_no_body",
            ),
        ]
