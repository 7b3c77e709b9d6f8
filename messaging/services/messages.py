"""Sending, editing and deleting messages."""

from uuid import UUID

import audit
from audit.writer import writer
from core.actor import Actor
from core.errors import Gone
from core.time import now
from encryption.formats import blob_epoch
from messaging import fingerprint, policies, querysets
from messaging.bodies import open_content, seal_content
from messaging.models import Message
from messaging.models.conversation import Priority
from messaging.models.message import Format, Type
from messaging.rendering import event_message
from messaging.rows import MessageRow
from messaging.sanitizer import sanitize_content
from messaging.writer import SendDraft, Sent
from realtime import streams
from realtime.models import Stream


async def send_message(
    *,
    actor: Actor,
    conversation_id: UUID,
    content: str,
    client_message_id: str | None = None,
    type: str = Type.TEXT.value,
    format: str = Format.PLAIN.value,
    priority: str = Priority.NORMAL.value,
    reply_to_id: UUID | None = None,
) -> Sent:
    """Store one message and tell the conversation; returns after COMMIT.

    The same `client_message_id` of the same sender in the same conversation again stores nothing and returns the first
    message as it is by now. Raises NotFound for a conversation the actor is no member of, Forbidden when they may not
    post, IdempotencyConflict when the id was used for another message, InvalidReference for a `reply_to_id` that cannot
    be quoted here, InvalidText for a text with nothing in it.
    """
    draft = SendDraft(
        actor=actor,
        conversation_id=conversation_id,
        content=sanitize_content(content, format),
        type=type,
        format=format,
        priority=priority,
        client_message_id=client_message_id,
        reply_to_id=reply_to_id,
    )
    sent: Sent = await writer.store(draft)
    return sent


def edit_message(*, actor: Actor, subject: MessageRow, content: str) -> MessageRow:
    """Give one's own message another text; returns it.

    The new text stands under the key of the period in which the message was sent. The same text again changes nothing.
    Raises Gone for a deleted message, Forbidden when the actor may not post any more, InvalidText as sending does.
    """
    clean = sanitize_content(content, subject.format)
    with audit.transaction():
        stream, row = _locked(actor, subject)
        seat = querysets.seat_of(row.conversation_id, actor.id)
        policies.can_post(seat.role, seat.is_muted, seat.posting_policy)
        if row.deleted_at is not None:
            raise Gone("The message has been deleted.")
        if clean == open_content(row):
            return row
        return _store_edit(actor, stream, row, clean)


def delete_message(*, actor: Actor, subject: MessageRow) -> MessageRow:
    """Delete one's own message: its text is overwritten, its number stays. A repeat changes nothing."""
    with audit.transaction():
        stream, row = _locked(actor, subject)
        if row.deleted_at is not None:
            return row
        gone = row._replace(body=b"", revision=row.revision + 1, deleted_at=now())
        _update(gone, deleted_at=gone.deleted_at, deleted_by=actor.id)
        _tell(actor, stream, gone, "message:deleted", "message.deleted")
        return gone


def _locked(actor: Actor, subject: MessageRow) -> tuple[Stream, MessageRow]:
    """The stream, locked, and the message as it is under the lock; raises NotFound when it cannot be seen any more."""
    stream = streams.lock([subject.conversation_id])[subject.conversation_id]
    return stream, querysets.visible_message(actor.id, subject.id)


def _store_edit(actor: Actor, stream: Stream, row: MessageRow, content: str) -> MessageRow:
    revision = row.revision + 1
    body = seal_content(
        row.conversation_id,
        row.id,
        row.sender_id,
        row.type,
        content,
        revision=revision,
        epoch=blob_epoch(row.body),
    )
    edited = row._replace(body=body, revision=revision, edited_at=now())
    _update(edited, edited_at=edited.edited_at)
    _tell(actor, stream, edited, "message:updated", "message.edited")
    return edited


def _update(row: MessageRow, **columns: object) -> None:
    Message.objects.filter(id=row.id).update(body=row.body, revision=row.revision, **columns)


def _tell(actor: Actor, stream: Stream, row: MessageRow, event: str, action: str) -> None:
    streams.append([streams.NewEvent(stream, event, actor.id, message_id=row.id, data=event_message(row))])
    audit.record(
        action,
        actor=actor,
        object_id=row.id,
        conversation_id=row.conversation_id,
        # Only who sent a message deletes it.
        object_hash=fingerprint.of_row(row, deleted_by=actor.id if row.deleted_at else None),
    )
