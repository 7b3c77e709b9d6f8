"""Sends, stored in groups: everything that waits while one transaction runs goes into the next one.

    lock the streams of the group in the order of their ids
    read, in one query each: the senders' stays, messages sent before under the same client id, quoted messages
    refuse, recognise repeats, or number and seal
    insert messages, events and audit entries                                      - COMMIT, then sockets and answers

The number of statements does not depend on the number of sends. Permission is decided under the lock, so nobody posts
into a conversation they have just been removed from. A send that cannot be stored fails alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import audit
from core import sql
from core.actor import Actor
from core.errors import AppError, IdempotencyConflict, InvalidReference, Shredded, TokenRevoked
from core.ids import uuid7
from core.time import now
from core.writer import Draft
from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging import fingerprint, policies, querysets
from messaging.bodies import load_keys, open_content, seal_content
from messaging.querysets import not_found
from messaging.rendering import Wire, event_message, personal_message, with_preview
from messaging.rows import MessageRow, Seat
from realtime import streams

_COLUMNS = (
    "id",
    "conversation_id",
    "seq",
    "client_message_id",
    "sender_id",
    "type",
    "format",
    "priority",
    "body",
    "revision",
    "created_at",
    "reply_to_id",
)


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
    message_id: UUID = field(default_factory=uuid7)

    @property
    def repeat_key(self) -> tuple[UUID, UUID, str]:
        return self.conversation_id, self.actor.id, self.client_message_id or str(self.message_id)

    @property
    def what(self) -> tuple[object, ...]:
        """What has to be the same for two sends under one client id to be the same message."""
        return self.content, self.type, self.format, self.priority, self.reply_to_id


class Sent(NamedTuple):
    """A stored message as its sender sees it; `duplicate` when it was there before."""

    message: Wire
    duplicate: bool


def store_sends(drafts: Sequence[SendDraft]) -> None:
    """Store a group and set each draft's outcome; runs inside the writer's `audit.transaction()`."""
    group = _Group(drafts)
    for draft in drafts:
        try:
            group.admit(draft)
        except AppError as refusal:
            draft.outcome = refusal
    group.store()
    group.answer_repeats()


class _Group:
    """One group of sends while it is being stored; its streams are locked from the first line on."""

    def __init__(self, drafts: Sequence[SendDraft]) -> None:
        self._streams = streams.lock({draft.conversation_id for draft in drafts})
        senders = {(draft.conversation_id, draft.actor.id) for draft in drafts}
        self._seats = querysets.seats_of(senders)
        self._earlier = querysets.messages_by_client_id(
            draft.repeat_key for draft in drafts if draft.client_message_id is not None
        )
        self._quotable = querysets.messages_by_id(
            draft.reply_to_id for draft in drafts if draft.reply_to_id is not None
        )
        # Of a quoted message in another conversation nothing is touched: it is refused like one that does not exist.
        here = [row for row in self._quotable.values() if row.conversation_id in self._streams]
        load_keys([*self._earlier.values(), *here])
        self._new: dict[tuple[UUID, UUID, str], SendDraft] = {}
        self._repeats: list[tuple[SendDraft, MessageRow]] = []
        self._twins: list[tuple[SendDraft, SendDraft]] = []

    def admit(self, draft: SendDraft) -> None:
        """Put the draft where it belongs: new, or a repeat of what is stored or waits in this group; else refuse it.

        A repeat is answered even where its sender may not post any more: what they ask about has happened.
        """
        seat = self._seat(draft)
        stored, twin = self._earlier.get(draft.repeat_key), self._new.get(draft.repeat_key)
        if stored is not None:
            _require_same_as_stored(draft, stored)
            self._repeats.append((draft, stored))
        elif twin is not None:
            if draft.what != twin.what:
                raise IdempotencyConflict()
            self._twins.append((draft, twin))
        else:
            policies.can_post(seat.role, seat.is_muted, seat.posting_policy)
            self._require_quotable(draft, seat)
            self._new[draft.repeat_key] = draft

    def store(self) -> None:
        """Number, seal and insert what is new, with events and audit entries; set its outcomes."""
        if not self._new:
            return
        keyring().prepare({draft.conversation_id for draft in self._new.values()})
        numbers = {stream.id: count(stream.head_seq + 1) for stream in self._streams.values()}
        stored = [(draft, self._row(draft, next(numbers[draft.conversation_id]))) for draft in self._new.values()]
        sql.insert("messaging_message", [_columns(row) for _, row in stored])
        wires = [event_message(row, draft.content) for draft, row in stored]
        streams.append([self._event(row, wire) for (_, row), wire in zip(stored, wires, strict=True)])
        for (draft, row), wire in zip(stored, wires, strict=True):
            _record(draft, row)
            draft.outcome = Sent(with_preview(wire, row, self._seat(draft).first_seq), False)

    def answer_repeats(self) -> None:
        """The stored message as it is by now, edited or deleted perhaps."""
        for draft, twin in self._twins:
            draft.outcome = twin.outcome._replace(duplicate=True)
        stays = querysets.stays_of({row.conversation_id for _, row in self._repeats}) if self._repeats else {}
        for draft, row in self._repeats:
            seat = self._seat(draft)
            wire = personal_message(row, draft.actor.id, seat.first_seq, stays[row.conversation_id])
            draft.outcome = Sent(wire, True)

    def _seat(self, draft: SendDraft) -> Seat:
        seat = self._seats.get((draft.conversation_id, draft.actor.id))
        if seat is None:
            raise not_found(draft.conversation_id)
        if not seat.is_active:
            raise TokenRevoked()
        return seat

    def _require_quotable(self, draft: SendDraft, seat: Seat) -> None:
        """Whatever is wrong with the quoted message, the answer is one and the same."""
        if draft.reply_to_id is None:
            return
        row = self._quotable.get(draft.reply_to_id)
        if row is None or row.conversation_id != draft.conversation_id or row.deleted_at or row.seq < seat.first_seq:
            raise InvalidReference("replyToId names no message that can be quoted here.")

    def _row(self, draft: SendDraft, seq: int) -> MessageRow:
        row = MessageRow(
            id=draft.message_id,
            conversation_id=draft.conversation_id,
            seq=seq,
            client_message_id=draft.client_message_id,
            sender_id=draft.actor.id,
            type=draft.type,
            format=draft.format,
            priority=draft.priority,
            body=seal_content(draft.conversation_id, draft.message_id, draft.actor.id, draft.type, draft.content),
            created_at=now(),
        )
        quoted = self._quotable.get(draft.reply_to_id) if draft.reply_to_id else None
        return row if quoted is None else row.quoting(quoted)

    def _event(self, row: MessageRow, wire: Wire) -> streams.NewEvent:
        stream = self._streams[row.conversation_id]
        return streams.NewEvent(stream, "message:new", row.sender_id, message_id=row.id, data=wire)


def _require_same_as_stored(draft: SendDraft, row: MessageRow) -> None:
    """Raises IdempotencyConflict when the repeat is another message than the one stored.

    After an edit or a delete, or when the body cannot be opened, there is nothing left to compare with: the repeat then
    gets the message as it is.
    """
    if row.revision or row.deleted_at:
        return
    try:
        content = open_content(row)
    except (Undecryptable, Shredded):
        return
    if draft.what != (content, row.type, row.format, row.priority, row.reply_to_id):
        raise IdempotencyConflict()


def _columns(row: MessageRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}


def _record(draft: SendDraft, row: MessageRow) -> None:
    audit.record(
        "message.created",
        actor=draft.actor,
        object_id=row.id,
        conversation_id=row.conversation_id,
        object_hash=fingerprint.of_row(row),
    )
