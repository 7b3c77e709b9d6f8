"""What clients may ask about looking at conversations and typing in them, and what they are told of it."""

from core.doors import Receives, Sends
from messaging import policies, services
from messaging import serializers as shapes
from messaging.events import answers, examples, finding

typing = Sends(
    "typing",
    shapes.TypingOut,
    durable=False,
    audience="other members, on connections that look at the conversation",
    summary="Somebody types, or has stopped. It stops by itself after 3 s.",
)

look = Receives(
    "conversation:join",
    schema=shapes.ConversationIdIn,
    service=services.look_at_conversation,
    answer=answers.as_it_is,
    reply=shapes.ActiveMembersOut,
    summary="This connection looks at a conversation; who types there reaches it from now on.",
    description=(
        "It makes nobody a member: that is `POST /conversations/{id}/join`. Messages and other numbered events of "
        "one's conversations come without it; `typing` comes to connections that look and to no others."
    ),
)
look_at_many = Receives(
    "conversation:join-multiple",
    schema=shapes.ConversationIdsIn,
    service=services.look_at_conversations,
    answer=answers.as_it_is,
    reply=shapes.ActiveMembersListOut,
    summary="This connection looks at several conversations.",
    description="All of them or none: one that is not there for you makes the answer `not_found`.",
    examples=examples.LOOK_AT_MANY,
)
look_away = Receives(
    "conversation:leave",
    schema=shapes.ConversationIdIn,
    service=services.look_away,
    answer=answers.as_it_is,
    reply=shapes.ActiveMembersOut,
    summary="This connection no longer looks at a conversation.",
    description="One stays a member: leaving a room is `POST /conversations/{id}/leave`.",
)
active_members = Receives(
    "conversation:active-members",
    schema=shapes.ConversationIdIn,
    service=services.read_active_members,
    answer=answers.as_it_is,
    reply=shapes.ActiveMembersOut,
    summary="Who looks at a conversation.",
)
show_typing = Receives(
    "typing",
    schema=shapes.TypingIn,
    find=finding.desk,
    permission=policies.can_type,
    service=services.show_typing,
    answer=answers.nothing,
    limit="TYPING",
    summary="Say that one types, or has stopped.",
    examples=examples.TYPING,
)
