"""Forwarding: a copy of a message in another conversation of one's own."""

from uuid import UUID

from audit.writer import writer
from core.actor import Actor
from messaging import policies, querysets
from messaging.bodies import load_keys, open_body
from messaging.drafts import Origin, SendDraft, Sent
from messaging.rows import MessageRow, Seat
from messaging.services.holding import require_living


def forward_message(
    *, actor: Actor, subject: MessageRow, conversation_id: UUID, client_message_id: str | None = None
) -> Sent:
    """Send a copy of a message into a conversation of the actor's; returns after COMMIT.

    The copy has the text, type, format and metadata, sealed anew, and says who wrote it first and when
    (`forwardedFrom`); of a copy that is its own first origin. What it is about here stays here: mentions, what it
    replies to, its thread, its patient record, its priority. A repeat under one `client_message_id` is one message.

    Raises Gone for a message that is gone, Undecryptable or Shredded for one that cannot be opened, NotFound for a
    conversation the actor is no member of, Forbidden where they may not post and for what may not be copied there
    (`policies.can_forward`).
    """
    require_living(subject)
    policies.can_forward(subject, *_seats(actor, subject.conversation_id, conversation_id))
    load_keys([subject])
    body = open_body(subject)
    draft = SendDraft(
        actor=actor,
        conversation_id=conversation_id,
        content=body.content,
        metadata=body.metadata,
        type=subject.type,
        format=subject.format,
        client_message_id=client_message_id,
        forwarded_from=_origin(subject),
    )
    sent: Sent = writer.submit(draft).result()
    return sent


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
