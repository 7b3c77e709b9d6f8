"""Shapes of looking at conversations and of typing."""

from rest_framework import serializers

from core.shapes import Shape

MOST_VIEWS = 100


class ConversationIdsIn(Shape):
    conversation_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_VIEWS, help_text=f"At most {MOST_VIEWS}."
    )


class ActiveMembersOut(Shape):
    """Members who look at the conversation now."""

    conversation_id = serializers.UUIDField()
    user_ids = serializers.ListField(child=serializers.UUIDField())


class ActiveMembersListOut(Shape):
    results = ActiveMembersOut(many=True)


class TypingBody(Shape):
    is_typing = serializers.BooleanField()


class TypingIn(TypingBody):
    conversation_id = serializers.UUIDField()


class TypingOut(Shape):
    """Somebody types, or has stopped."""

    conversation_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    is_typing = serializers.BooleanField()
