"""Messages as they stand on the wire, with their bodies opened.

A Message comes in two forms. In an event it is the same for every receiver: `status` is "sent" and a quote has no
preview. Everywhere else one person asked for it, so it carries the status as they may know it and previews of quotes
they may see. A body that cannot be opened costs its own message only: `content` is null and `contentError` says why.

Services show messages to somebody through `showing.shown`, which has keys and extras ready for all of them at once.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from attachments.rendering import attachment_out
from core.errors import Shredded
from core.time import wire_time
from encryption.formats import Undecryptable
from messaging.bodies import Body, open_body
from messaging.models import RemovedMessage
from messaging.rendering.progress import progress
from messaging.rows import NO_EXTRAS, Extras, MessageRow, Sight
from realtime.models import Event

Wire = dict[str, Any]

PREVIEW_CHARACTERS = 100
_PLACE = ("id", "conversationId", "seq", "senderId", "type", "format", "priority", "createdAt")


def event_message(row: MessageRow, extras: Extras = NO_EXTRAS, body: Body | None = None) -> Wire:
    """The Message as every receiver of its event gets it; `body` spares opening what is at hand."""
    opened = _opened(row) if body is None else body
    wire: Wire = {
        "id": row.id,
        "conversationId": row.conversation_id,
        "seq": row.seq,
        "senderId": row.sender_id,
        "type": row.type,
        "format": row.format,
        **_said(opened),
        "priority": row.priority,
        "threadCount": extras.thread_count,
        "mentions": [],
        "reactions": [],
        "attachments": [],
        "status": "sent",
        "isEdited": row.edited_at is not None,
        "isDeleted": row.is_gone,
        "isPinned": False,
        "createdAt": wire_time(row.created_at),
    }
    if row.client_message_id is not None:
        wire["clientMessageId"] = row.client_message_id
    if row.edited_at is not None:
        wire["editedAt"] = wire_time(row.edited_at)
    if row.thread_root_id is not None:
        wire["threadRootId"] = row.thread_root_id
    if row.is_gone:
        wire["deletedAt"] = wire_time(row.deleted_at or row.expires_at or row.created_at)
    else:
        wire |= _of_the_living(row, extras)
        if extras.files and isinstance(opened, Body):
            wire["attachments"] = _attachments(opened, extras)
    return wire


def _attachments(body: Body, extras: Extras) -> list[Wire]:
    """The files that the body names, in its order: whatever else claims to belong to the message is not shown."""
    found = {file.id: file for file in extras.files}
    return [attachment_out(found[file.id]) for file in body.files if file.id in found]


def _of_the_living(row: MessageRow, extras: Extras) -> Wire:
    """What a tombstone has nothing of."""
    wire: Wire = {"mentions": [*extras.mentions], "isPinned": row.pinned_at is not None}
    wire["reactions"] = [{"emoji": e, "count": len(who), "userIds": [*who]} for e, who in extras.reactions]
    if row.reply_to_id is not None:
        wire["replyTo"] = {"id": row.reply_to_id, "seq": row.reply_seq, "senderId": row.reply_sender_id}
    if row.patient_record_id is not None:
        wire["patientRecordId"] = row.patient_record_id
    if row.forwarded_sender_id is not None and row.forwarded_at is not None:
        wire["forwardedFrom"] = {"senderId": row.forwarded_sender_id, "createdAt": wire_time(row.forwarded_at)}
    if row.expires_at is not None:
        wire["expiresAt"] = wire_time(row.expires_at)
    return wire


def veiled(message: Wire) -> Wire:
    """The Message of an event, for somebody who receives the event and may not see the message: a tombstone in its
    place."""
    place = {name: message[name] for name in _PLACE}
    nothing: Wire = {
        "content": None,
        "metadata": {},
        "threadCount": 0,
        "mentions": [],
        "reactions": [],
        "attachments": [],
    }
    return {**place, **nothing, "status": "sent", "isEdited": False, "isDeleted": True, "isPinned": False}


def removed_message(event: Event, place: RemovedMessage) -> Wire:
    """The Message of an event whose message was removed: a tombstone at its place."""
    return event_message(
        _unknown(event)._replace(seq=place.seq, sender_id=place.sender_id, deleted_at=event.created_at)
    )


def missing_message(event: Event) -> Wire:
    """The Message of an event whose message cannot be found, which nobody removed who may: what the event itself tells
    of it, and `contentError`."""
    return event_message(_unknown(event))


def _unknown(event: Event) -> MessageRow:
    return MessageRow(
        id=event.message_id or UUID(int=0),
        conversation_id=event.stream_id,
        seq=event.seq,
        client_message_id=None,
        sender_id=event.actor_id,
        type="text",
        format="plain",
        priority="normal",
        body=b"",
        created_at=event.created_at,
    )


def personal_message(row: MessageRow, user_id: UUID, seen: Sight, extras: Extras = NO_EXTRAS) -> Wire:
    """The Message as this person gets it who asked for it and sees this of its conversation."""
    wire = with_preview(event_message(row, extras), row, seen.first_seq)
    for reaction in wire["reactions"]:
        reaction["mine"] = user_id in reaction["userIds"]
    if row.sender_id == user_id:
        wire |= progress(row, seen)
    return wire


def with_preview(wire: Wire, row: MessageRow, first_seq: int) -> Wire:
    """The same Message with a preview of what it quotes, if the reader may see that; `wire` itself stays as it is."""
    if "replyTo" not in wire:
        return wire
    quoted = row.quoted()
    if quoted is None:  # removed: whoever could see it may know that it is gone, and whoever could not learns no more
        return {**wire, "replyTo": {**wire["replyTo"], "preview": None}}
    if wire["replyTo"]["seq"] < first_seq:
        return wire
    return {**wire, "replyTo": {**wire["replyTo"], "preview": preview(quoted)}}


def preview(row: MessageRow) -> str | None:
    """The beginning of a message, of one without text the names of its files; None when it was deleted or cannot be
    opened."""
    opened = _opened(row)
    if not isinstance(opened, Body):
        return None
    text = opened.content or ", ".join(file.name for file in opened.files)
    return text[:PREVIEW_CHARACTERS]


def earlier_text(row: MessageRow, replaced_at: datetime) -> Wire:
    """What a message said at the revision of this row, and until when."""
    said = _said(_opened(row))
    del said["metadata"]  # an edit changes the text only
    return {"revision": row.revision, **said, "replacedAt": wire_time(replaced_at)}


def _opened(row: MessageRow) -> Body | str | None:
    """The body, why it cannot be opened, or None where there is none any more."""
    if row.is_gone:
        return None
    try:
        return open_body(row)
    except Undecryptable:
        return "undecryptable"
    except Shredded:
        return "shredded"


def _said(opened: Body | str | None) -> Wire:
    if isinstance(opened, Body):
        return {"content": opened.content, "metadata": opened.metadata}
    why = {} if opened is None else {"contentError": opened}
    return {"content": None, **why, "metadata": {}}
