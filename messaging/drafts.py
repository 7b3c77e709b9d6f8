"""What waits to be sent, and when two of them are the same message."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.actor import Actor
from core.errors import IdempotencyConflict, InvalidReference, Shredded
from core.ids import uuid7
from core.writer import Draft
from encryption.formats import Undecryptable
from messaging.bodies import Metadata, open_body
from messaging.mentioning import Wording
from messaging.mentions import Named, named_in
from messaging.models.message import Type
from messaging.rendering import Wire
from messaging.rows import MessageRow


@dataclass(frozen=True)
class Origin:
    """Where a forwarded message comes from: who wrote it first and when, and which message was forwarded.

    The latter two ids are for the audit log only: who reads the copy is told of no other conversation.
    """

    sender_id: UUID
    created_at: datetime
    message_id: UUID | None = field(default=None, compare=False)
    conversation_id: UUID | None = field(default=None, compare=False)

    def as_details(self) -> dict[str, UUID | None]:
        return {"forwarded_from": self.message_id, "forwarded_out_of": self.conversation_id}


@dataclass(eq=False)
class SendDraft(Draft):
    """A message that waits to be stored; `content` has been through `sanitize_content`. Its outcome is a `Sent`."""

    actor: Actor
    conversation_id: UUID
    content: str
    type: str = "text"
    format: str = "plain"
    priority: str = "normal"
    client_message_id: str | None = None
    reply_to_id: UUID | None = None
    thread_root_id: UUID | None = None
    patient_record_id: UUID | None = None
    forwarded_from: Origin | None = None
    expires_in: int | None = None
    """Seconds."""
    mentions: tuple[UUID, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    attachment_ids: tuple[UUID, ...] = ()
    about: tuple[UUID, ...] = ()
    """Of a message of the server: whom it names or speaks for."""
    forwarded_names: tuple[str, ...] = ()
    """Of a copy: what its files are called, which are themselves copied anew with each attempt."""
    message_id: UUID = field(default_factory=uuid7)

    @property
    def repeat_key(self) -> tuple[UUID, UUID, str]:
        return self.conversation_id, self.actor.id, self.client_message_id or str(self.message_id)

    @property
    def what(self) -> tuple[object, ...]:
        """What has to be the same for two sends under one client id to be the same message."""
        return (
            self.content,
            self.metadata,
            self.attachment_ids if self.forwarded_from is None else self.forwarded_names,
            self.type,
            self.format,
            self.priority,
            self.reply_to_id,
            self.thread_root_id,
            self.patient_record_id,
            self.forwarded_from,
            self.expires_in,
        )

    @property
    def wording(self) -> Wording:
        """System messages name nobody, and a copy mentions nobody: whom it names, its writer named elsewhere."""
        names_nobody = self.type == Type.SYSTEM or self.forwarded_from is not None
        named = Named() if names_nobody else named_in(self.content, self.format)
        return Wording(self.message_id, self.conversation_id, self.actor.id, named, self.mentions)


def no_reference(draft: SendDraft, id_: UUID, detail: str) -> InvalidReference:
    """What the draft refers to by this id cannot be used by it, for whatever reason."""
    return InvalidReference(detail, subject_id=id_, conversation_id=draft.conversation_id)


class Sent(NamedTuple):
    """A stored message as its sender sees it; `duplicate` when it was there before."""

    message: Wire
    duplicate: bool


def require_same_as_stored(draft: SendDraft, row: MessageRow) -> None:
    """Raises IdempotencyConflict when the repeat is another message than the one stored.

    After an edit or a delete, or when the body cannot be opened, there is nothing left to compare with: the repeat then
    gets the message as it is.
    """
    if row.revision or row.deleted_at:
        return
    try:
        body = open_body(row)
    except (Undecryptable, Shredded):
        return
    lifetime = None if row.expires_at is None else round((row.expires_at - row.created_at).total_seconds())
    origin = None
    if row.forwarded_sender_id is not None and row.forwarded_at is not None:
        origin = Origin(row.forwarded_sender_id, row.forwarded_at)
    said = body.content, body.metadata, tuple(file.id if origin is None else file.name for file in body.files)
    references = row.reply_to_id, row.thread_root_id, row.patient_record_id
    if draft.what != (*said, row.type, row.format, row.priority, *references, origin, lifetime):
        raise IdempotencyConflict()
