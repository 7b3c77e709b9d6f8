"""What clients may ask about pinned messages and what they are told of them."""

from core.doors import Receives, Sends
from messaging import serializers as shapes
from messaging import services
from messaging.events import answers, finding

_MEMBERS = "the members of the conversation"

message_pinned = Sends(
    "message:pinned", shapes.MessageRefOut, durable=True, audience=_MEMBERS, summary="A message was pinned."
)
message_unpinned = Sends(
    "message:unpinned", shapes.MessageRefOut, durable=True, audience=_MEMBERS, summary="A message is pinned no more."
)

pin = Receives(
    "message:pin",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.pin_message,
    answer=answers.changed_message,
    reply=shapes.MessageOut,
    socket=False,
    summary="Pin a message for everybody; a repeat changes nothing.",
    description="Everybody in a clinical or direct conversation, in a room its owner and moderators; at most 50.",
)
unpin = Receives(
    "message:unpin",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.unpin_message,
    answer=answers.changed_message,
    reply=shapes.MessageOut,
    socket=False,
    summary="Take a pin away; a repeat changes nothing.",
)
pins = Receives(
    "conversation:pins",
    schema=shapes.ConversationIdIn,
    find=finding.membership,
    service=services.read_pins,
    answer=answers.as_it_is,
    reply=shapes.PinsOut,
    socket=False,
    summary="What is pinned, the last one first.",
)
