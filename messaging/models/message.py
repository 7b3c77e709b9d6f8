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
    in the same conversation is the same message. One that has expired (`expires_at`) is as good as deleted from that
    moment on; a job makes it so.

    What it answers (`reply_to`, `thread_root`) may have been removed before it is: no constraint looks for whoever
    refers to a message that goes, which without an index would be a walk through the table each time.

    `mentions_some`, `has_thread`, `has_reactions` and `has_files` tell that there have been rows about it elsewhere:
    most messages have none, and a page of them needs not ask. Which files were sent with it, and what they were called
    then, is part of the sealed body.

    No index but those of the rules and partial ones: each one more would be paid for with every send.
    """

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="messages", db_index=False)
    seq = models.PositiveBigIntegerField()
    sender = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    client_message_id = models.CharField(max_length=64, null=True)  # noqa: DJ001  NULLs never collide, blanks would
    type = models.CharField(max_length=8, choices=Type, default=Type.TEXT)
    format = models.CharField(max_length=8, choices=Format, default=Format.PLAIN)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.NORMAL)
    reply_to = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )
    thread_root = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, related_name="+", db_index=False, db_constraint=False
    )
    patient_record = models.ForeignKey(
        "accounts.PatientRecord", models.PROTECT, null=True, related_name="+", db_index=False
    )
    forwarded_sender_id = models.UUIDField(null=True)
    forwarded_at = models.DateTimeField(null=True)
    mentions_all = models.BooleanField(db_default=False)
    mentions_some = models.BooleanField(db_default=False)
    has_thread = models.BooleanField(db_default=False)
    has_reactions = models.BooleanField(db_default=False)
    has_files = models.BooleanField(db_default=False)
    pinned_at = models.DateTimeField(null=True)
    pinned_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    body = models.BinaryField()
    revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)
    edited_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
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
            models.CheckConstraint(
                condition=Q(forwarded_sender_id=None, forwarded_at=None)
                | Q(forwarded_sender_id__isnull=False, forwarded_at__isnull=False),
                name="forwarded_from_somebody_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(pinned_at=None, pinned_by=None) | Q(pinned_at__isnull=False, pinned_by__isnull=False),
                name="pinned_message_was_pinned_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                fields=["thread_root", "seq"], condition=Q(thread_root__isnull=False), name="messages_of_a_thread"
            ),
            models.Index(
                fields=["patient_record", "id"],
                condition=Q(patient_record__isnull=False),
                name="messages_of_a_patient_record",
            ),
            models.Index(
                fields=["conversation", "pinned_at"], condition=Q(pinned_at__isnull=False), name="pinned_messages"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, deleted_at=None),
                name="messages_that_expire",
            ),
            models.Index(fields=["conversation", "seq"], condition=Q(mentions_all=True), name="mentions_of_all"),
        ]


class Mention(models.Model):
    """Somebody is named in a message. It knows the message's place, so that mentions are counted in one index."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="+", db_index=False)
    seq = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "conversation", "seq"], name="one_mention_per_person_and_message")
        ]


class MessageEdit(UUIDModel):
    """What a message said before an edit: the body it had at `revision`, which opens with that revision only.

    Gone as soon as the message is deleted.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="edits", db_index=False)
    revision = models.PositiveIntegerField()
    body = models.BinaryField()
    replaced_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "revision"], name="one_body_per_revision")]


class Reaction(UUIDModel):
    """Somebody's emoji at a message; one of each."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="reactions", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    emoji = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "user", "emoji"], name="one_reaction_of_a_kind_per_person")
        ]
