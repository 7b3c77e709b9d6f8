"""What clients may ask about reactions and what they are told of them."""

from core.doors import Receives, Sends
from messaging import serializers as shapes
from messaging import services
from messaging.events import answers, examples, finding

_MEMBERS = "the members of the conversation"

reaction_new = Sends(
    "reaction:new", shapes.ReactionChangedOut, durable=True, audience=_MEMBERS, summary="Somebody reacted to a message."
)
reaction_removed = Sends(
    "reaction:remove",
    shapes.ReactionChangedOut,
    durable=True,
    audience=_MEMBERS,
    summary="Somebody took their reaction back.",
)

add = Receives(
    "reaction:new",
    schema=shapes.ReactionIn,
    find=finding.message,
    service=services.add_reaction,
    answer=answers.nothing,
    limit="REACTION_NEW",
    summary="React to a message with an emoji; a repeat changes nothing.",
    examples=examples.REACT,
)
remove = Receives(
    "reaction:remove",
    schema=shapes.ReactionIn,
    find=finding.message,
    service=services.remove_reaction,
    answer=answers.nothing,
    limit="REACTION_REMOVE",
    summary="Take a reaction back; a repeat changes nothing.",
    examples=examples.REACT,
)
