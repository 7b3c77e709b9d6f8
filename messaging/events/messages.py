"""What clients may ask about messages and what they are told of them."""

from core.doors import Receives, Sends
from messaging import policies, services
from messaging import serializers as shapes
from messaging.events import answers, examples, finding

_MEMBERS = "the members of the conversation"

message_new = Sends("message:new", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message was sent.")
message_updated = Sends(
    "message:updated", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message has another text."
)
message_deleted = Sends(
    "message:deleted", shapes.MessageOut, durable=True, audience=_MEMBERS, summary="A message has become a tombstone."
)

send = Receives(
    "message:new",
    schema=shapes.MessageIn,
    service=services.send_message,
    answer=answers.sent,
    reply=shapes.SentOut,
    limit="MESSAGE_NEW",
    summary="Send a message. It is stored when the reply arrives.",
    description=(
        "Without an answer, send it again with the same `clientMessageId`, by either door: it is stored once, and the "
        "repeat gets the stored message with `duplicate: true`. `@username` in the text mentions a member. Files are "
        "uploaded first (`POST /api/v1/attachments`) and named in `attachmentIds`; a file is sent once."
    ),
    examples=examples.SEND,
)
edit = Receives(
    "message:edit",
    schema=shapes.EditIn,
    find=finding.message,
    permission=policies.can_edit_message,
    service=services.edit_message,
    answer=answers.changed_message,
    reply=shapes.MessageOut,
    summary="Give a message of one's own another text.",
    description="Everybody who sees it may read what it said before. A forwarded copy, and every file, stays as it is.",
    examples=examples.EDIT,
)
delete = Receives(
    "message:delete",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.delete_message,
    answer=answers.changed_message,
    reply=shapes.MessageOut,
    summary="Delete a message of one's own, or in a room one leads any; a tombstone keeps its number.",
    examples=examples.DELETE,
)
read_one = Receives(
    "message:get",
    schema=shapes.MessageIdIn,
    find=finding.message,
    service=services.read_message,
    answer=answers.as_it_is,
    reply=shapes.MessageOut,
    socket=False,
    summary="One message.",
)
thread = Receives(
    "message:thread",
    schema=shapes.ThreadIn,
    find=finding.message,
    service=services.read_thread,
    answer=answers.as_it_is,
    reply=shapes.PageOut,
    socket=False,
    summary="The replies in the thread that a message begins, page by page as history.",
)
edits = Receives(
    "message:edits",
    schema=shapes.EditsIn,
    find=finding.message,
    service=services.read_edits,
    answer=answers.as_it_is,
    reply=shapes.EditsOut,
    socket=False,
    summary="What a message said before it was edited, the oldest first.",
)
forward = Receives(
    "message:forward",
    schema=shapes.ForwardIn,
    find=finding.message,
    service=services.forward_message,
    answer=answers.sent,
    reply=shapes.SentOut,
    limit="MESSAGE_NEW",
    socket=False,
    summary="Send a copy of a message into another conversation of one's own.",
    description=(
        "Out of a clinical conversation only into a clinical one of the same patient. Messages of the system and those "
        "that expire are not forwarded. Files are copied, which takes a moment; each counts as an upload."
    ),
    examples=examples.FORWARD,
)
report = Receives(
    "message:report",
    schema=shapes.ReportIn,
    find=finding.message,
    permission=policies.can_report,
    service=services.report_message,
    answer=answers.reported,
    reply=shapes.ReportOut,
    socket=False,
    summary="Report a message; once per person.",
    description=(
        "A sealed copy of it is kept as evidence, with up to five messages on each side where `context` asks for them. "
        "**Nobody is notified**: it waits in the moderators' queue until one of them looks there, and the reporter "
        "hears nothing of what follows, so whoever needs help must not wait for an answer to this."
    ),
    examples=examples.REPORT,
)
history = Receives(
    "conversation:messages",
    schema=shapes.PageIn,
    service=services.read_history,
    answer=answers.as_it_is,
    reply=shapes.PageOut,
    summary="A page of history: before or after a number, or the newest.",
    description="In the order of `seq`, the newest last. `before` and `after` do not go together.",
    examples=examples.HISTORY,
)
fill_gap = Receives(
    "conversation:events",
    schema=shapes.EventsIn,
    service=services.read_events,
    answer=answers.as_it_is,
    reply=shapes.EventsOut,
    summary="The durable events after a number, as sockets receive them.",
    description="For a gap between the last `seq` one has applied and the highest one has heard of.",
    examples=examples.EVENTS,
)
