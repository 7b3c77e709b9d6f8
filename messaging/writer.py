"""Sends, stored in groups: everything that waits while one transaction runs goes into the next one.

    lock the streams of the group in the order of their ids
    read, in one query each: the senders' stays, messages sent before under the same client id, messages that are
    quoted, forwarded or answered in a thread, where somebody is named, who that is, and where files are sent, those
    refuse, recognise repeats, or number and seal
    insert messages, mentions, events and audit entries, claim files               - COMMIT, then sockets and answers

The number of statements does not depend on the number of sends. Permission is decided under the lock, so nobody posts
into a conversation they have just been removed from. A send that cannot be stored fails alone.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import audit
from accounts.permissions import KEEPERS_OF_RECORDS
from accounts.querysets import users_of_records
from attachments.models import Attachment
from core import sql
from core.actor import SYSTEM_ID
from core.errors import (
    AppError,
    FieldError,
    IdempotencyConflict,
    Invalid,
    TokenRevoked,
)
from core.jobs import enqueue
from core.time import now
from encryption.keyring import keyring
from messaging import fingerprint, policies, querysets
from messaging.bodies import load_keys, seal_body
from messaging.drafts import SendDraft, Sent, no_reference, require_same_as_stored
from messaging.enclosing import Enclosures
from messaging.mentioning import Mentions
from messaging.models import Message
from messaging.models.conversation import Kind
from messaging.origins import Origins
from messaging.querysets import not_found
from messaging.rendering import Wire, event_message, with_preview
from messaging.rows import SYSTEM_SEAT, Extras, MessageRow, Seat, Sight, Stay
from messaging.showing import Showing, shown_to_each
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
    "expires_at",
    "reply_to_id",
    "thread_root_id",
    "patient_record_id",
    "forwarded_sender_id",
    "forwarded_at",
    "mentions_all",
    "mentions_some",
    "has_files",
)


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
        here = {draft.conversation_id for draft in drafts}
        # What is forwarded stays where it is until its copy is stored, and so does whoever forwards it.
        self._origins = Origins(drafts)
        locked = streams.lock(here | self._origins.conversation_ids, even_when_short=True)
        self._streams = {id_: stream for id_, stream in locked.items() if id_ in here}
        self._seats = _seats(drafts, self._origins.seats)
        self._earlier = querysets.messages_by_client_id(
            draft.repeat_key for draft in drafts if draft.client_message_id is not None
        )
        self._quotable = querysets.messages_by_id(
            {id_ for draft in drafts for id_ in (draft.reply_to_id, draft.thread_root_id) if id_ is not None}
            | self._origins.message_ids
        )
        self._records = _patient_records(drafts)
        self._mentions = Mentions([draft.wording for draft in drafts])
        self._files = Enclosures(drafts, self._streams)
        # Of a quoted message in another conversation nothing is touched: it is refused like one that does not exist.
        quoted = [row for row in self._quotable.values() if row.conversation_id in self._streams]
        load_keys([*self._earlier.values(), *quoted])
        self._new: dict[tuple[UUID, UUID, str], SendDraft] = {}
        self._repeats: list[tuple[SendDraft, MessageRow]] = []
        self._twins: list[tuple[SendDraft, SendDraft]] = []

    def admit(self, draft: SendDraft) -> None:
        """Put the draft where it belongs: new, or a repeat of what is stored or waits in this group; else refuse it.

        A repeat is answered even where its sender may not post any more: what they ask about has happened. Of what they
        sent in an earlier stay they are told that the client id is used up, and nothing of what became of it.
        """
        seat = self._seat(draft)
        stored, twin = self._earlier.get(draft.repeat_key), self._new.get(draft.repeat_key)
        if stored is not None:
            if stored.seq < seat.first_seq:
                raise IdempotencyConflict()
            require_same_as_stored(draft, stored)
            self._repeats.append((draft, stored))
        elif twin is not None:
            if draft.what != twin.what:
                raise IdempotencyConflict()
            self._twins.append((draft, twin))
        else:
            policies.can_post(seat)
            streams.require_room(self._streams[draft.conversation_id])
            self._origins.require(draft, self._quotable, self._seats)
            self._require_references(draft, seat)
            self._files.admit(draft)
            self._new[draft.repeat_key] = draft

    def store(self) -> None:
        """Number, seal and insert what is new, with mentions, events and audit entries; set its outcomes."""
        if not self._new:
            return
        keyring().prepare({draft.conversation_id for draft in self._new.values()})
        numbers = {stream.id: count(stream.head_seq + 1) for stream in self._streams.values()}
        stored = [(draft, self._row(draft, next(numbers[draft.conversation_id]))) for draft in self._new.values()]
        sql.insert("messaging_message", [_columns(row) for _, row in stored])
        sql.insert("messaging_mention", [line for _, row in stored for line in self._mentions.rows(row)])
        self._files.claim()
        wires = [event_message(row, self._extras(row.id), self._files.body(draft)) for draft, row in stored]
        streams.append([self._event(row, wire) for (_, row), wire in zip(stored, wires, strict=True)])
        for (draft, row), wire in zip(stored, wires, strict=True):
            _record(draft, row, self._files.of(row.id))
            draft.outcome = Sent(with_preview(wire, row, self._seat(draft).first_seq), False)
        self._mark_threads()
        self._answer_for_the_absent()

    def answer_repeats(self) -> None:
        """The stored message as it is by now, edited or deleted perhaps."""
        for draft, twin in self._twins:
            draft.outcome = twin.outcome._replace(duplicate=True)
        stays = querysets.stays_of({row.conversation_id for _, row in self._repeats}) if self._repeats else {}
        showings = [Showing(row, row.sender_id, self._sight(draft, stays)) for draft, row in self._repeats]
        for (draft, _), wire in zip(self._repeats, shown_to_each(showings), strict=True):
            draft.outcome = Sent(wire, True)

    def _sight(self, draft: SendDraft, stays: Mapping[UUID, tuple[Stay, ...]]) -> Sight:
        """What the draft's sender sees of its conversation."""
        seat, stream = self._seat(draft), self._streams[draft.conversation_id]
        return Sight(stream.id, seat.kind, seat.first_seq, stream.head_seq, stays.get(stream.id, ()))

    def _seat(self, draft: SendDraft) -> Seat:
        seat = self._seats.get((draft.conversation_id, draft.actor.id))
        if seat is None:
            raise not_found(draft.conversation_id)
        if not seat.is_active:
            raise TokenRevoked()
        return seat

    def _require_references(self, draft: SendDraft, seat: Seat) -> None:
        """Whatever is wrong with a message or record that is referred to, the answer is one and the same."""
        if draft.reply_to_id is not None and self._living(draft.reply_to_id, draft, seat) is None:
            raise no_reference(draft, draft.reply_to_id, "replyToId names no message that can be quoted here.")
        if draft.thread_root_id is not None:
            root = self._living(draft.thread_root_id, draft, seat)
            if root is None or root.thread_root_id is not None:
                detail = "threadRootId names no message that a thread can begin with here."
                raise no_reference(draft, draft.thread_root_id, detail)
        if draft.patient_record_id is not None and not self._may_link(draft.patient_record_id, seat):
            detail = "patientRecordId names no record that can be linked here."
            raise no_reference(draft, draft.patient_record_id, detail)
        if draft.expires_in is not None and seat.kind == Kind.CLINICAL:
            kept = FieldError("expiresInSeconds", "invalid", "Messages of clinical conversations are kept.")
            raise Invalid("Some fields are not valid.", errors=[kept])

    def _may_link(self, record_id: UUID, seat: Seat) -> bool:
        """Who works with records may link them, in a clinical conversation none but its patient's."""
        if record_id not in self._records or seat.user_role not in KEEPERS_OF_RECORDS:
            return False
        return seat.kind != Kind.CLINICAL or self._records[record_id] in {None, seat.patient_id}

    def _living(self, message_id: UUID, draft: SendDraft, seat: Seat) -> MessageRow | None:
        """A message of the draft's conversation that its sender may see, and that is not gone."""
        row = self._quotable.get(message_id)
        if row is None or row.conversation_id != draft.conversation_id or row.is_gone or row.seq < seat.first_seq:
            return None
        return row

    def _row(self, draft: SendDraft, seq: int) -> MessageRow:
        moment, origin = now(), draft.forwarded_from
        row = MessageRow(
            id=draft.message_id,
            conversation_id=draft.conversation_id,
            seq=seq,
            client_message_id=draft.client_message_id,
            sender_id=draft.actor.id,
            type=draft.type,
            format=draft.format,
            priority=draft.priority,
            body=seal_body(
                draft.conversation_id, draft.message_id, draft.actor.id, draft.type, self._files.body(draft)
            ),
            created_at=moment,
            expires_at=None if draft.expires_in is None else moment + timedelta(seconds=draft.expires_in),
            thread_root_id=draft.thread_root_id,
            patient_record_id=draft.patient_record_id,
            forwarded_sender_id=None if origin is None else origin.sender_id,
            forwarded_at=None if origin is None else origin.created_at,
            mentions_all=self._mentions.mean_all(draft.message_id, self._seat(draft)),
            mentions_some=bool(self._mentions.of(draft.message_id)),
            has_files=bool(draft.attachment_ids),
        )
        quoted = self._quotable.get(draft.reply_to_id) if draft.reply_to_id else None
        return row if quoted is None else row.quoting(quoted)

    def _extras(self, message_id: UUID) -> Extras:
        return Extras(self._mentions.of(message_id), files=self._files.of(message_id))

    def _event(self, row: MessageRow, wire: Wire) -> streams.NewEvent:
        stream = self._streams[row.conversation_id]
        return streams.NewEvent(stream, "message:new", row.sender_id, message_id=row.id, data=wire)

    def _mark_threads(self) -> None:
        """What begins a thread says so from now on."""
        roots = {draft.thread_root_id for draft in self._new.values() if draft.thread_root_id is not None}
        if first := [root for root in roots if not self._quotable[root].has_thread]:
            Message.objects.filter(id__in=first).update(has_thread=True)

    def _answer_for_the_absent(self) -> None:
        """A note that the provider is away is sent after this commit."""
        seats = {draft.conversation_id: self._seat(draft) for draft in self._new.values()}
        for conversation_id, seat in seats.items():
            if seat.has_absent_provider:
                enqueue("messaging.out_of_office", conversation_id=conversation_id)


def _seats(drafts: Sequence[SendDraft], besides: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Seat]:
    """Where the senders sit, and `besides` in which other places. The system has a seat in every conversation that is
    there, and is subject to no policy."""
    system = {draft.conversation_id for draft in drafts if draft.actor.id == SYSTEM_ID}
    people = {(draft.conversation_id, draft.actor.id) for draft in drafts if draft.actor.id != SYSTEM_ID} | besides
    seats = querysets.seats_of(people) if people else {}
    if system:
        seats |= {(conversation_id, SYSTEM_ID): SYSTEM_SEAT for conversation_id in querysets.alive(system)}
    return seats


def _patient_records(drafts: Sequence[SendDraft]) -> dict[UUID, UUID | None]:
    named = {draft.patient_record_id for draft in drafts if draft.patient_record_id is not None}
    return users_of_records(named) if named else {}


def _columns(row: MessageRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}


def _record(draft: SendDraft, row: MessageRow, files: Sequence[Attachment]) -> None:
    audit.record(
        "message.created",
        actor=draft.actor,
        object_id=row.id,
        conversation_id=row.conversation_id,
        object_hash=fingerprint.of_row(row, files),
        details=None if draft.forwarded_from is None else draft.forwarded_from.as_details(),
    )
