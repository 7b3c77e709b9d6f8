"""What clients may ask about watermarks and what they are told of them."""

from core.doors import Receives, Sends
from messaging import serializers as shapes
from messaging import services
from messaging.events import answers, examples, finding

_MEMBERS = "the members of the conversation"

message_delivered_to = Sends(
    "message:delivered",
    shapes.WatermarkOut,
    durable=False,
    audience=_MEMBERS,
    summary="Everything up to seq has arrived at a device of this member.",
)
message_read_by = Sends(
    "message:read",
    shapes.WatermarkOut,
    durable=False,
    audience=_MEMBERS,
    summary="This member has read everything up to seq.",
)

mark_delivered = Receives(
    "message:delivered",
    schema=shapes.WatermarkIn,
    find=finding.membership,
    service=services.mark_delivered,
    answer=answers.receipt,
    reply=shapes.ReceiptOut,
    limit="MESSAGE_DELIVERED",
    summary="Everything up to seq has arrived here.",
    examples=examples.WATERMARK,
)
mark_read = Receives(
    "message:read",
    schema=shapes.WatermarkIn,
    find=finding.membership,
    service=services.mark_read,
    answer=answers.receipt,
    reply=shapes.ReceiptOut,
    limit="MESSAGE_READ",
    summary="Everything up to seq has been read.",
    description="What has been read has arrived, too. A watermark only moves forward: a lower seq changes nothing.",
    examples=examples.WATERMARK,
)
mark_message_read = Receives(
    "message:mark-read",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.mark_message_read,
    answer=answers.receipt,
    reply=shapes.ReceiptOut,
    limit="MESSAGE_READ",
    socket=False,
    summary="Everything up to this message has been read, and so has it.",
)
message_receipts = Receives(
    "message:receipts",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.read_message_receipts,
    answer=answers.as_it_is,
    reply=shapes.MessageReceiptsOut,
    socket=False,
    summary="How far each member has got whom a message was for.",
    description="When each of them got there is told in clinical and direct conversations, not in rooms.",
)
receipts = Receives(
    "conversation:receipts",
    schema=shapes.ConversationIdIn,
    find=finding.membership,
    service=services.read_receipts,
    answer=answers.as_it_is,
    reply=shapes.ReceiptsOut,
    socket=False,
    summary="How far each member has got.",
)

unread = Receives(
    "conversation:unread-count",
    schema=shapes.NothingIn,
    find=finding.oneself,
    service=services.count_unread,
    answer=answers.as_it_is,
    reply=shapes.UnreadOut,
    socket=False,
    summary="How much is unread.",
)
