"""Sending, editing and deleting messages."""

from collections.abc import Sequence
from uuid import UUID

import audit
from attachments.claiming import let_go
from audit.writer import writer
from core import sql
from core.actor import Actor
from core.errors import FieldError, Invalid
from core.ids import uuid7
from core.time import now
from encryption.formats import blob_epoch
from messaging import fingerprint, policies, querysets
from messaging.bodies import Body, Metadata, open_body, seal_body
from messaging.drafts import SendDraft, Sent
from messaging.enclosing import require_files
from messaging.mentioning import Mentions, Wording
from messaging.mentions import named_in
from messaging.models import Mention, Message, MessageEdit, Reaction
from messaging.models.conversation import Priority
from messaging.models.message import Format, Type
from messaging.rendering import event_message
from messaging.rows import NO_EXTRAS, Extras, MessageRow, Seat
from messaging.sanitizer import sanitize_caption, sanitize_content
from messaging.services.holding import hold, require_living
from realtime import announce, streams
from realtime.models import Stream
from retention.holds import require_not_held


async def send_message(
    *,
    actor: Actor,
    conversation_id: UUID,
    content: str | None = None,
    client_message_id: str | None = None,
    type: str | None = None,
    format: str = Format.PLAIN.value,
    priority: str = Priority.NORMAL.value,
    reply_to_id: UUID | None = None,
    thread_root_id: UUID | None = None,
    patient_record_id: UUID | None = None,
    expires_in_seconds: int | None = None,
    attachment_ids: Sequence[UUID] = (),
    mentions: Sequence[UUID] = (),
    metadata: Metadata | None = None,
) -> Sent:
    """Store one message and tell the conversation; returns after COMMIT.

    The same `client_message_id` of the same sender in the same conversation again stores nothing and returns the first
    message as it is by now. Who is named in the text (`@username`) or in `mentions` and is a member is mentioned.
    With files (`attachment_ids`, the actor's own, not sent yet) the text may be missing, and the type is `file` unless
    the actor says better.
    Raises NotFound for a conversation the actor is no member of, Forbidden when they may not post, IdempotencyConflict
    when the id was used for another message, InvalidReference for a message, file or patient record that cannot be
    referred to here, Invalid for an expiry in a clinical conversation and a type that does not fit the files,
    InvalidText for a text with nothing in it.
    """
    chosen = type or (Type.FILE if attachment_ids else Type.TEXT).value
    require_files(chosen, len(attachment_ids))
    draft = SendDraft(
        actor=actor,
        conversation_id=conversation_id,
        content=_text(content, format, bool(attachment_ids)),
        type=chosen,
        format=format,
        priority=priority,
        client_message_id=client_message_id,
        reply_to_id=reply_to_id,
        thread_root_id=thread_root_id,
        patient_record_id=patient_record_id,
        expires_in=expires_in_seconds,
        mentions=tuple(mentions),
        metadata=metadata or {},
        attachment_ids=tuple(attachment_ids),
    )
    sent: Sent = await writer.store(draft)
    announce.typed(conversation_id, actor.id, sent.message["seq"])
    return sent


def _text(content: str | None, format: str, has_files: bool) -> str:
    """What is stored of a text that somebody sends or changes; only beside files it may be missing."""
    if has_files:
        return sanitize_caption(content or "", format)
    if content is None:
        missing = FieldError("content", "required", "This field is required.")
        raise Invalid("Some fields are not valid.", errors=[missing])
    return sanitize_content(content, format)


def edit_message(*, actor: Actor, subject: MessageRow, content: str) -> MessageRow:
    """Give one's own message another text; returns it. Its files stay what they are, and beside them the text may be
    taken away.

    The new text stands under the key of the period in which the message was sent. The same text again changes nothing.
    Raises Gone for a deleted message, Forbidden when the actor may not post any more, InvalidText as sending does.
    """
    clean = _text(content, subject.format, subject.has_files)
    with audit.transaction():
        stream, row, seat = hold(actor, subject)
        policies.can_post(seat)
        require_living(row)
        before = open_body(row)
        if clean == before.content:
            return row
        return _store_edit(actor, stream, row, before, before._replace(content=clean), seat)


def delete_message(*, actor: Actor, subject: MessageRow) -> MessageRow:
    """Delete a message: its text is overwritten, what it said before edits, its mentions, reactions and files go, its
    number stays. A repeat changes nothing. Raises Forbidden unless the actor sent it or leads the room, LegalHold while
    it must be kept."""
    with audit.transaction():
        stream, row, seat = hold(actor, subject)
        policies.can_delete_message(row, actor.id, seat)
        return row if row.is_gone else erase(actor, stream, row)


def erase(actor: Actor, stream: Stream, row: MessageRow) -> MessageRow:
    """Make a tombstone of a message of this locked stream, inside the transaction that is open. One that has expired
    has been gone since then. Raises LegalHold while its conversation is held, whoever asks."""
    require_not_held(row.conversation_id)
    moment = row.expires_at if row.is_gone else now()
    gone = row._replace(body=b"", revision=row.revision + 1, deleted_at=moment, pinned_at=None, mentions_all=False)
    _update(gone, deleted_at=gone.deleted_at, deleted_by=actor.id, pinned_at=None, pinned_by=None, mentions_all=False)
    for about in (MessageEdit, Mention, Reaction):
        about.objects.filter(message=row.id).delete()
    if row.has_files:
        let_go(row.id)
    _tell(actor, stream, gone, _extras_at(gone, stream.head_seq + 1), "message:deleted", "message.deleted")
    return gone


def _store_edit(actor: Actor, stream: Stream, row: MessageRow, before: Body, body: Body, seat: Seat) -> MessageRow:
    """The new text stands under the key of the old one, which is kept as what the message said before."""
    revision, moment = row.revision + 1, now()
    mentions = _mentions_after(row, before, body)
    edited = row._replace(
        body=seal_body(
            row.conversation_id,
            row.id,
            row.sender_id,
            row.type,
            body,
            revision=revision,
            epoch=blob_epoch(row.body),
        ),
        revision=revision,
        edited_at=moment,
        mentions_all=mentions.mean_all(row.id, seat),
        mentions_some=row.mentions_some or bool(mentions.of(row.id)),
    )
    MessageEdit.objects.create(message_id=row.id, revision=row.revision, body=row.body, replaced_at=moment)
    Mention.objects.filter(message=row.id).delete()
    sql.insert("messaging_mention", mentions.rows(edited))
    _update(
        edited,
        edited_at=moment,
        mentions_all=edited.mentions_all,
        mentions_some=edited.mentions_some,
    )
    _tell(actor, stream, edited, _extras_at(edited, stream.head_seq + 1), "message:updated", "message.edited")
    return edited


def _mentions_after(row: MessageRow, before: Body, after: Body) -> Mentions:
    """Whom an edited message mentions: those its new text names, and those who had been chosen besides the old one."""
    old = Wording(uuid7(), row.conversation_id, row.sender_id, named_in(before.content, row.format))
    mentioned = querysets.extras_of([row]).get(row.id, NO_EXTRAS).mentions
    named = Mentions([old]).of(old.message_id)
    chosen = tuple(user_id for user_id in mentioned if user_id not in named)
    new = Wording(row.id, row.conversation_id, row.sender_id, named_in(after.content, row.format), chosen)
    return Mentions([new])


def _extras_at(row: MessageRow, seq: int) -> Extras:
    """What an event of this seq says besides the message itself."""
    extras = querysets.extras_of([row]).get(row.id, NO_EXTRAS)
    if not row.has_thread:
        return extras
    return extras._replace(thread_count=querysets.thread_counts_at([(row.id, seq)]).get((row.id, seq), 0))


def _update(row: MessageRow, **columns: object) -> None:
    Message.objects.filter(id=row.id).update(body=row.body, revision=row.revision, **columns)


def _tell(actor: Actor, stream: Stream, row: MessageRow, extras: Extras, event: str, action: str) -> None:
    streams.append([streams.NewEvent(stream, event, actor.id, message_id=row.id, data=event_message(row, extras))])
    audit.record(
        action,
        actor=actor,
        object_id=row.id,
        conversation_id=row.conversation_id,
        object_hash=fingerprint.of_row(row, extras.files, deleted_by=actor.id if row.deleted_at else None),
    )
