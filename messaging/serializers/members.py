"""Shapes of members, and of what they decide for themselves."""

from rest_framework import serializers

from core.shapes import Shape
from messaging.models.membership import Role
from messaging.serializers.fields import MomentField, ids_field


class PreferencesBody(Shape):
    archived = serializers.BooleanField(required=False)
    muted = serializers.BooleanField(required=False, help_text="Whether one's own notifications are silent.")
    muted_until = MomentField(required=False, allow_null=True)


class PreferencesIn(PreferencesBody):
    conversation_id = serializers.UUIDField()


class PreferencesOut(Shape):
    archived = serializers.BooleanField()
    muted = serializers.BooleanField()
    muted_until = serializers.DateTimeField(required=False)


class MembersIn(Shape):
    conversation_id = serializers.UUIDField()
    blocked = serializers.BooleanField(
        required=False, help_text="Instead of the members those who were banned; for the owner and moderators."
    )


class NewMembersBody(Shape):
    user_ids = ids_field(min_length=1)
    role = serializers.ChoiceField(Role.choices, required=False, help_text="Owners only; member by default.")
    until = MomentField(
        required=False, help_text="Until when they cover; in a clinical conversation, and required there."
    )


class NewMembersIn(NewMembersBody):
    conversation_id = serializers.UUIDField()


class MemberIdIn(Shape):
    conversation_id = serializers.UUIDField()
    user_id = serializers.UUIDField()


class MemberPatchBody(Shape):
    role = serializers.ChoiceField(Role.choices, required=False)
    is_muted = serializers.BooleanField(required=False, help_text="Whether they may read only.")
    is_blocked = serializers.BooleanField(
        required=False, help_text="A ban ends their stay, and they cannot come back until it is lifted."
    )


class MemberPatchIn(MemberPatchBody):
    conversation_id = serializers.UUIDField()
    user_id = serializers.UUIDField()


class MemberLeftOut(Shape):
    user_id = serializers.UUIDField()
    reason = serializers.ChoiceField(["left", "removed"])


class MemberOut(Shape):
    user_id = serializers.UUIDField()
    username = serializers.CharField(help_text="`@username` in a message mentions them.")
    display_name = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(Role.choices)
    joined_at = serializers.DateTimeField()
    is_muted = serializers.BooleanField()
    is_blocked = serializers.BooleanField()
    last_read_seq = serializers.IntegerField()
    last_read_at = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Until when somebody covers.")


class MembersOut(Shape):
    results = MemberOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
