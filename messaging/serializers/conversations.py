"""Shapes of conversations."""

from django.conf import settings
from rest_framework import serializers

from core.shapes import Shape, cursor_field
from messaging.models.conversation import History, Kind, PostingPolicy, Priority
from messaging.models.membership import Role
from messaging.models.message import Type
from messaging.serializers.fields import LineField, ids_field, limit_field, name_field


def _description() -> serializers.CharField:
    return serializers.CharField(
        required=False, allow_blank=True, max_length=500, trim_whitespace=False, help_text="Empty: none."
    )


def _course_id() -> LineField:
    return LineField(64, required=False, allow_blank=True, help_text="Empty: none, which a course room cannot have.")


def _max_members() -> serializers.IntegerField:
    return serializers.IntegerField(required=False, min_value=2, max_value=settings.ROOM_MAX_MEMBERS)


def _tags() -> serializers.ListField:
    return serializers.ListField(child=LineField(32), required=False, max_length=20)


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
    name = serializers.CharField(
        required=False, allow_null=True, help_text="Rooms only; null when it cannot be opened any more."
    )
    description = serializers.CharField(required=False)
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
    """`{patientId, providerId}` for a clinical conversation, `{kind: "direct", userId}` for a direct one,
    `{kind, name, …}` for a room."""

    kind = serializers.ChoiceField(Kind.choices, default=Kind.CLINICAL.value)
    patient_id = serializers.UUIDField(required=False)
    provider_id = serializers.UUIDField(required=False)
    user_id = serializers.UUIDField(required=False)
    name = name_field(required=False)
    description = _description()
    course_id = _course_id()
    max_members = _max_members()
    member_ids = ids_field(required=False, help_text="Who is in the room from its beginning, besides you.")


class DiscoverIn(Shape):
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Whole words of the room's name."
    )
    cursor = cursor_field()
    limit = limit_field()


class ConversationListIn(Shape):
    kind = serializers.ChoiceField(Kind.choices, required=False)
    archived = serializers.BooleanField(required=False, help_text="Only archived ones, or only others; absent: all.")
    cursor = cursor_field()
    limit = limit_field()


class NothingIn(Shape):
    """Nothing needs to be said."""


class ConversationIdIn(Shape):
    conversation_id = serializers.UUIDField()


class ConversationPatchBody(Shape):
    """Priority and tags are of every conversation, `history` of all but direct ones, the rest of rooms."""

    name = name_field(required=False)
    description = _description()
    max_members = _max_members()
    priority = serializers.ChoiceField(Priority.choices, required=False)
    tags = _tags()
    history = serializers.ChoiceField(
        History.choices, required=False, help_text="How far back newcomers read. The owner decides it."
    )
    posting_policy = serializers.ChoiceField(PostingPolicy.choices, required=False)
    course_id = _course_id()


class ConversationPatchIn(ConversationPatchBody):
    conversation_id = serializers.UUIDField()


class ConversationChangedOut(Shape):
    """The fields of the conversation that changed."""

    name = serializers.CharField(required=False)
    description = serializers.CharField(required=False, allow_null=True)
    max_members = serializers.IntegerField(required=False)
    priority = serializers.ChoiceField(Priority.choices, required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    history = serializers.ChoiceField(History.choices, required=False)
    posting_policy = serializers.ChoiceField(PostingPolicy.choices, required=False)
    course_id = serializers.CharField(required=False)


class ConversationRefOut(Shape):
    conversation_id = serializers.UUIDField()


class UnreadOut(Shape):
    total = serializers.IntegerField()
    conversations = serializers.IntegerField()
    mentions = serializers.IntegerField()
