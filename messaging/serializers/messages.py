"""Shapes of messages and of the events about them."""

from rest_framework import serializers

from attachments.serializers import AttachmentOut
from core.shapes import Shape, TextField, cursor_field
from messaging.enclosing import MOST_FILES
from messaging.mentions import MOST as MOST_MENTIONS
from messaging.models.conversation import Priority
from messaging.models.message import Format, Type
from messaging.models.report import Reason
from messaging.serializers.fields import (
    DistinctIdsField,
    EmojiField,
    client_message_id_field,
    content_field,
    limit_field,
    metadata_field,
    seq_field,
)

_SENDABLE = [value for value in Type.values if value != Type.SYSTEM]
_LONGEST_LIFE = 366 * 86_400
_STATUSES = ("sent", "delivered", "read")
_CONTENT_ERRORS = ("undecryptable", "shredded")
_WHICH_TYPE = (
    "`text` without files, otherwise `file`, unless you say better: `image`, `video` and `audio` where every file is "
    "of that kind, `voice` for one recording."
)


class ReplyToOut(Shape):
    id = serializers.UUIDField()
    seq = serializers.IntegerField(allow_null=True, help_text="Null when the quoted message has been removed.")
    sender_id = serializers.UUIDField(allow_null=True, help_text="The same.")
    preview = serializers.CharField(
        required=False, allow_null=True, help_text="Only for who may see the quoted message; null when it is gone."
    )


class ReactionOut(Shape):
    emoji = serializers.CharField()
    count = serializers.IntegerField()
    user_ids = serializers.ListField(child=serializers.UUIDField())
    mine = serializers.BooleanField(required=False, help_text="Whether you used it; absent in events.")


class ForwardedFromOut(Shape):
    sender_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()


class MessageOut(Shape):
    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    seq = serializers.IntegerField()
    client_message_id = serializers.CharField(required=False)
    sender_id = serializers.UUIDField()
    type = serializers.ChoiceField(Type.choices)
    format = serializers.ChoiceField(Format.choices)
    content = serializers.CharField(allow_null=True)
    content_error = serializers.ChoiceField(_CONTENT_ERRORS, required=False)
    priority = serializers.ChoiceField(Priority.choices)
    reply_to = ReplyToOut(required=False)
    thread_root_id = serializers.UUIDField(required=False)
    thread_count = serializers.IntegerField(
        help_text="Replies in the thread this message begins; in an event, those before it."
    )
    mentions = serializers.ListField(child=serializers.UUIDField())
    reactions = ReactionOut(many=True)
    attachments = AttachmentOut(many=True)
    patient_record_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(
        _STATUSES,
        help_text="To its sender `read` when every other member of that moment has read it, `delivered` when all of "
        "them have it on a device, else `sent`; to everybody else `sent`.",
    )
    delivered_at = serializers.DateTimeField(required=False, help_text="When the last of them had it. Absent in rooms.")
    read_at = serializers.DateTimeField(required=False, help_text="When the last had read it. Absent in rooms.")
    forwarded_from = ForwardedFromOut(required=False)
    is_edited = serializers.BooleanField()
    edited_at = serializers.DateTimeField(required=False)
    is_deleted = serializers.BooleanField()
    deleted_at = serializers.DateTimeField(required=False)
    is_pinned = serializers.BooleanField()
    expires_at = serializers.DateTimeField(required=False)
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()


class SentOut(MessageOut):
    duplicate = serializers.BooleanField(
        required=False, help_text="True when this clientMessageId had been stored before; absent otherwise."
    )


class MessageBody(Shape):
    content = content_field(required=False, help_text="Required without files.")
    type = serializers.ChoiceField(_SENDABLE, required=False, help_text=_WHICH_TYPE)
    format = serializers.ChoiceField(Format.choices, default=Format.PLAIN.value)
    priority = serializers.ChoiceField(Priority.choices, default=Priority.NORMAL.value)
    client_message_id = client_message_id_field()
    reply_to_id = serializers.UUIDField(required=False)
    thread_root_id = serializers.UUIDField(required=False, help_text="The message whose thread this belongs to.")
    patient_record_id = serializers.UUIDField(
        required=False,
        help_text="By providers and staff; in a clinical conversation a record of its patient, or of no account.",
    )
    expires_in_seconds = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=_LONGEST_LIFE,
        help_text="After that it is a tombstone. Refused in clinical conversations.",
    )
    mentions = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MOST_MENTIONS, help_text="Besides who is named."
    )
    metadata = metadata_field()
    attachment_ids = DistinctIdsField(
        required=False,
        max_length=MOST_FILES,
        help_text="Files of your own, uploaded into this conversation, `clean` and not sent yet, in this order.",
    )


class MessageIn(MessageBody):
    conversation_id = serializers.UUIDField()


class EditBody(Shape):
    content = content_field()


class EditIn(EditBody):
    message_id = serializers.UUIDField()


class MessageIdIn(Shape):
    message_id = serializers.UUIDField()


class ReactionIn(Shape):
    message_id = serializers.UUIDField()
    emoji = EmojiField()


class ReactionChangedOut(Shape):
    """Somebody's emoji at a message."""

    message_id = serializers.UUIDField()
    emoji = serializers.CharField()
    user_id = serializers.UUIDField()


class MessageRefOut(Shape):
    message_id = serializers.UUIDField()


class ThreadIn(Shape):
    message_id = serializers.UUIDField()
    before = seq_field(required=False)
    after = seq_field(0, required=False)
    limit = limit_field()


class EditsIn(Shape):
    message_id = serializers.UUIDField()
    cursor = cursor_field()
    limit = limit_field()


class EditOut(Shape):
    """What a message said before an edit."""

    revision = serializers.IntegerField(help_text="0 for what was sent.")
    content = serializers.CharField(allow_null=True)
    content_error = serializers.ChoiceField(_CONTENT_ERRORS, required=False)
    replaced_at = serializers.DateTimeField()


class EditsOut(Shape):
    results = EditOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class PinsOut(Shape):
    results = MessageOut(many=True)


class ForwardBody(Shape):
    conversation_id = serializers.UUIDField()
    client_message_id = client_message_id_field()


class ForwardIn(ForwardBody):
    message_id = serializers.UUIDField()


class ReportBody(Shape):
    reason = serializers.ChoiceField(Reason.choices)
    note = TextField(max_characters=1000, max_bytes=4000, required=False, help_text="What moderators should know.")
    context = serializers.BooleanField(  # type: ignore[assignment]  # DRF takes declared fields out of the class
        required=False, default=False, help_text="Whether up to five messages before and behind it go with the report."
    )


class ReportIn(ReportBody):
    message_id = serializers.UUIDField()


class ReportOut(Shape):
    id = serializers.UUIDField()
    message_id = serializers.UUIDField()
    reason = serializers.ChoiceField(Reason.choices)
    created_at = serializers.DateTimeField()


class PageIn(Shape):
    conversation_id = serializers.UUIDField()
    before = seq_field(required=False)
    after = seq_field(0, required=False)
    limit = limit_field()


class PageOut(Shape):
    results = MessageOut(many=True)
    has_more = serializers.BooleanField(help_text="Whether there is more in the direction of reading.")
    head_seq = serializers.IntegerField()


class EventsIn(Shape):
    conversation_id = serializers.UUIDField()
    after = seq_field(0, required=False, default=0)
    limit = limit_field()


class EventOut(Shape):
    """A durable event, exactly as sockets receive it."""

    event = serializers.CharField()
    conversation_id = serializers.UUIDField()
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor_id = serializers.UUIDField()
    data = serializers.DictField()  # type: ignore[assignment]  # DRF takes declared fields out of the class


class EventsOut(Shape):
    results = EventOut(many=True)
    head_seq = serializers.IntegerField()
