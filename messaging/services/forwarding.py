"""Forwarding: a copy of a message in another conversation of one's own."""

from collections.abc import Sequence
from uuid import UUID

from audit.writer import writer
from core.actor import Actor
from messaging import policies, querysets
from messaging.bodies import Body, load_keys, open_body
from messaging.copies import copied
from messaging.drafts import Origin, SendDraft, Sent
from messaging.rows import MessageRow, Seat
from messaging.services.holding import require_living


def forward_message(
    *, actor: Actor, subject: MessageRow, conversation_id: UUID, client_message_id: str | None = None
) -> Sent:
    """Send a copy of a message into a conversation of the actor's; returns after COMMIT.

    The copy has the text, type, format, metadata and files, sealed anew, and says who wrote it first and when
    (`forwardedFrom`); of a copy that is its own first origin. What it is about here stays here: mentions, what it
    replies to, its thread, its patient record, its priority. A repeat under one `client_message_id` is one message.

    Raises Gone for a message that is gone, Undecryptable or Shredded for one that cannot be opened, NotFound for one
    that the actor does not see any more and for a conversation they are no member of, Forbidden where they may not post
    and for what may not be copied there (`policies.can_forward`); of files also what `copied` raises.
    """
    require_living(subject)
    policies.can_forward(subject, *_seats(actor, subject.conversation_id, conversation_id))
    load_keys([subject])
    body = open_body(subject)
    known = _is_known(actor, conversation_id, client_message_id)
    with copied(actor, subject, () if known else body.files, conversation_id) as attachment_ids:
        if attachment_ids:
            # Copying takes its time: what is sent is what the message says by now. The writer asks once more whether it
            # is there, under the lock of its stream.
            subject, body = _again(actor, subject)
        draft = _draft(actor, subject, body, conversation_id, client_message_id, attachment_ids)
        sent: Sent = writer.submit(draft).result()
    return sent


def _draft(
    actor: Actor,
    subject: MessageRow,
    body: Body,
    conversation_id: UUID,
    client_message_id: str | None,
    attachment_ids: Sequence[UUID],
) -> SendDraft:
    return SendDraft(
        actor=actor,
        conversation_id=conversation_id,
        content=body.content,
        metadata=body.metadata,
        type=subject.type,
        format=subject.format,
        client_message_id=client_message_id,
        forwarded_from=_origin(subject),
        attachment_ids=tuple(attachment_ids),
        forwarded_names=tuple(file.name for file in body.files),
    )


def _again(actor: Actor, subject: MessageRow) -> tuple[MessageRow, Body]:
    latest = querysets.visible_message(actor.id, subject.id)
    require_living(latest)
    load_keys([latest])
    return latest, open_body(latest)


def _is_known(actor: Actor, conversation_id: UUID, client_message_id: str | None) -> bool:
    """Whether this is a repeat, for which nothing is copied: the writer answers it with what is stored."""
    if client_message_id is None:
        return False
    return bool(querysets.messages_by_client_id([(conversation_id, actor.id, client_message_id)]))


def _seats(actor: Actor, *conversation_ids: UUID) -> list[Seat]:
    """Where the actor sits in these conversations. What is decided by it, their kind and patient, never changes."""
    seats = querysets.seats_of([(conversation_id, actor.id) for conversation_id in conversation_ids])
    for conversation_id in conversation_ids:
        if (conversation_id, actor.id) not in seats:
            raise querysets.not_found(conversation_id)
    return [seats[conversation_id, actor.id] for conversation_id in conversation_ids]


def _origin(row: MessageRow) -> Origin:
    if row.forwarded_sender_id is not None and row.forwarded_at is not None:
        return Origin(row.forwarded_sender_id, row.forwarded_at, row.id, row.conversation_id)
    return Origin(row.sender_id, row.created_at, row.id, row.conversation_id)
