"""Shapes of everything messaging takes and gives. They describe and validate; they read no rows and write none.

A `…Body` is what REST takes where the address names the rest; the `…In` made from it is the whole of it.
"""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from rest_framework import serializers

from core.shapes import Shape, TextField
from messaging.models.conversation import History, Kind, PostingPolicy, Priority
from messaging.models.membership import Role
from messaging.models.message import Format, Type

_STATUSES = ("sent", "delivered", "read")
_CONTENT_ERRORS = ("undecryptable", "shredded")
MOST_PER_PAGE = 200


def _content() -> TextField:
    """The text of a message, bounded as the settings say."""
    return TextField(max_characters=settings.MESSAGE_MAX_CHARACTERS, max_bytes=settings.MESSAGE_MAX_BYTES)


def _seq(lowest: int = 1, **kwargs: Any) -> serializers.IntegerField:
    """A number in a conversation; the upper bound is that of the databases."""
    return serializers.IntegerField(min_value=lowest, max_value=2**63 - 1, **kwargs)


def _limit() -> serializers.IntegerField:
    return serializers.IntegerField(required=False, default=50, min_value=1, max_value=MOST_PER_PAGE)


# --- Messages ---------------------------------------------------------------------------------------------------------


class ReplyToOut(Shape):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    sender_id = serializers.UUIDField()
    preview = serializers.CharField(
        required=False, allow_null=True, help_text="Only for who may see the quoted message; null when it is gone."
    )


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
    thread_count = serializers.IntegerField()
    mentions = serializers.ListField(child=serializers.UUIDField())
    reactions = serializers.ListField(child=serializers.DictField())
    attachments = serializers.ListField(child=serializers.DictField())
    status = serializers.ChoiceField(_STATUSES)
    is_edited = serializers.BooleanField()
    edited_at = serializers.DateTimeField(required=False)
    is_deleted = serializers.BooleanField()
    deleted_at = serializers.DateTimeField(required=False)
    is_pinned = serializers.BooleanField()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField()


class SentOut(MessageOut):
    duplicate = serializers.BooleanField(
        required=False, help_text="True when this clientMessageId had been stored before; absent otherwise."
    )


class MessageBody(Shape):
    content = _content()
    type = serializers.ChoiceField([Type.TEXT.value], default=Type.TEXT.value)
    format = serializers.ChoiceField(Format.choices, default=Format.PLAIN.value)
    priority = serializers.ChoiceField(Priority.choices, default=Priority.NORMAL.value)
    client_message_id = serializers.CharField(
        required=False,
        max_length=64,
        trim_whitespace=False,
        validators=[RegexValidator(r"\A[\x20-\x7e]+\Z", "Use printable ASCII characters.")],
        help_text="1 to 64 printable ASCII characters: the same one again is the same message.",
    )
    reply_to_id = serializers.UUIDField(required=False)


class MessageIn(MessageBody):
    conversation_id = serializers.UUIDField()


class EditBody(Shape):
    content = _content()


class EditIn(EditBody):
    message_id = serializers.UUIDField()


class MessageIdIn(Shape):
    message_id = serializers.UUIDField()


class PageIn(Shape):
    conversation_id = serializers.UUIDField()
    before = _seq(required=False)
    after = _seq(0, required=False)
    limit = _limit()


class PageOut(Shape):
    results = MessageOut(many=True)
    has_more = serializers.BooleanField(help_text="Whether there is more in the direction of reading.")
    head_seq = serializers.IntegerField()


class EventsIn(Shape):
    conversation_id = serializers.UUIDField()
    after = _seq(0, required=False, default=0)
    limit = _limit()


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


# --- Watermarks -------------------------------------------------------------------------------------------------------


class WatermarkBody(Shape):
    seq = _seq()


class WatermarkIn(WatermarkBody):
    conversation_id = serializers.UUIDField()


class ReceiptOut(Shape):
    user_id = serializers.UUIDField()
    delivered_seq = serializers.IntegerField()
    read_seq = serializers.IntegerField()
    delivered_at = serializers.DateTimeField(required=False)
    read_at = serializers.DateTimeField(required=False)


class ReceiptsOut(Shape):
    results = ReceiptOut(many=True)


class WatermarkOut(Shape):
    """Somebody's watermark moved."""

    conversation_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    seq = serializers.IntegerField()


# --- Conversations ----------------------------------------------------------------------------------------------------


class LastMessageOut(Shape):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    sender_id = serializers.UUIDField()
    type = serializers.ChoiceField(Type.choices)
    preview = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class EncryptionOut(Shape):
    """Encrypted at rest; the server holds the keys."""

    mode = serializers.ChoiceField(["server"])
    key_id = serializers.CharField()


class ConversationOut(Shape):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Kind.choices)
    course_id = serializers.CharField(required=False)
    patient_id = serializers.UUIDField(required=False)
    provider_id = serializers.UUIDField(required=False)
    max_members = serializers.IntegerField()
    member_count = serializers.IntegerField()
    created_by = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    head_seq = serializers.IntegerField()
    last_message = LastMessageOut(allow_null=True)
    last_message_at = serializers.DateTimeField(allow_null=True)
    history = serializers.ChoiceField(History.choices)
    posting_policy = serializers.ChoiceField(PostingPolicy.choices)
    unread_count = serializers.IntegerField(help_text="Counted up to 1,000.")
    mention_count = serializers.IntegerField()
    my_role = serializers.ChoiceField(Role.choices, allow_null=True)
    archived = serializers.BooleanField()
    muted = serializers.BooleanField()
    muted_until = serializers.DateTimeField(required=False)
    priority = serializers.ChoiceField(Priority.choices)
    tags = serializers.ListField(child=serializers.CharField())
    encryption = EncryptionOut()


class ConversationsOut(Shape):
    results = ConversationOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ConversationIn(Shape):
    """`{patientId, providerId}` for a clinical conversation, `{kind: "direct", userId}` for a direct one."""

    kind = serializers.ChoiceField([Kind.CLINICAL.value, Kind.DIRECT.value], default=Kind.CLINICAL.value)
    patient_id = serializers.UUIDField(required=False)
    provider_id = serializers.UUIDField(required=False)
    user_id = serializers.UUIDField(required=False)


class ConversationListIn(Shape):
    kind = serializers.ChoiceField(Kind.choices, required=False)
    archived = serializers.BooleanField(required=False, help_text="Only archived ones, or only others; absent: all.")
    cursor = serializers.CharField(required=False)
    limit = _limit()


class NothingIn(Shape):
    """Nothing needs to be said."""


class ConversationIdIn(Shape):
    conversation_id = serializers.UUIDField()


class ConversationPatchBody(Shape):
    priority = serializers.ChoiceField(Priority.choices, required=False)


class ConversationPatchIn(ConversationPatchBody):
    conversation_id = serializers.UUIDField()


class ConversationChangedOut(Shape):
    """The fields of the conversation that changed."""

    priority = serializers.ChoiceField(Priority.choices, required=False)


class ConversationRefOut(Shape):
    conversation_id = serializers.UUIDField()


class UnreadOut(Shape):
    total = serializers.IntegerField()
    conversations = serializers.IntegerField()
    mentions = serializers.IntegerField()


# --- Members ----------------------------------------------------------------------------------------------------------


class PreferencesBody(Shape):
    archived = serializers.BooleanField(required=False)
    muted = serializers.BooleanField(required=False)
    muted_until = serializers.DateTimeField(required=False, allow_null=True)


class PreferencesIn(PreferencesBody):
    conversation_id = serializers.UUIDField()


class PreferencesOut(Shape):
    archived = serializers.BooleanField()
    muted = serializers.BooleanField()
    muted_until = serializers.DateTimeField(required=False)


class MemberOut(Shape):
    user_id = serializers.UUIDField()
    display_name = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(Role.choices)
    joined_at = serializers.DateTimeField()
    is_muted = serializers.BooleanField()
    is_blocked = serializers.BooleanField()
    last_read_seq = serializers.IntegerField()
    last_read_at = serializers.DateTimeField(required=False)


class MembersOut(Shape):
    results = MemberOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
