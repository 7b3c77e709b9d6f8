"""The streams of events: appended in the transaction of the change they tell of, told to the world after it commits.

    with audit.transaction():
        stream = streams.lock([conversation_id])[conversation_id]
        …check and change under the lock…
        [event] = streams.append([NewEvent(stream, "message:new", actor.id, message_id, data)])

Whoever changes a conversation locks its stream first, several streams in the order of their ids: so nothing deadlocks,
numbers follow the order of commits, and a number that was seen is never taken back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import reserve
from core import measuring
from core.errors import Shredded, StorageFull
from core.ids import uuid7
from core.time import wire_time
from encryption.formats import Undecryptable, blob_epoch
from encryption.keyring import keyring
from realtime import rows, wiring
from realtime.hub import hub
from realtime.models import Event, Stream
from realtime.pokes import pokes
from realtime.published import Published
from realtime.rows import EventRow, Span

PAGE = 200

_committed = measuring.counter("stream_events", "Events with a number that were committed, by name.", "event")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to append to a locked stream.

    `data` is the wire's `data`. About a message (`message_id`) it is read at COMMIT, for the live frame only, and never
    stored: it may be completed once `append` has given the seq. Otherwise it is sealed at once.
    """

    stream: Stream
    kind: str
    actor_id: UUID
    message_id: UUID | None = None
    data: dict[str, Any] | None = None


def open_stream(stream_id: UUID) -> Stream:
    """A new, empty stream: its first event will have seq 1. Raises StorageFull as `lock` does."""
    if reserve.is_short():
        raise StorageFull
    return Stream.objects.create(id=stream_id)


def lock(ids: Iterable[UUID], *, even_when_short: bool = False) -> dict[UUID, Stream]:
    """The heads of these streams, locked until the end of the transaction; unknown ids are absent.

    Whoever locks a stream is about to write. So while the database has room for audit entries only (`audit.reserve`)
    this raises StorageFull; with `even_when_short` the caller asks `require_room` itself, before it writes.
    Raises RuntimeError outside a transaction, where a lock would hold nothing.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a stream is locked inside audit.transaction()")
    locked = {stream.id: stream for stream in rows.lock(set(ids))}
    if not even_when_short:
        for stream in locked.values():
            require_room(stream)
    return locked


def require_room(stream: Stream) -> None:
    """Raises StorageFull when there was room for audit entries only as this stream was locked."""
    if stream.is_short:
        raise StorageFull


def append(events: Sequence[NewEvent]) -> list[EventRow]:
    """Give each event the next number of its stream and store it; two statements, however many there are.

    Returns the rows in the same order, with `seq` and `created_at`. The streams must come from `lock` in this
    transaction; their `head_seq` moves along. After COMMIT the hub hears of all of them together.
    """
    if not events:
        return []
    stored = [_row(event) for event in events]
    rows.insert(stored)
    rows.move_heads({event.stream.id: event.stream for event in events}.values())
    transaction.on_commit(lambda: _publish(events, stored), robust=True)
    return stored


def read(spans: Sequence[tuple[UUID, int, int | None]], limit: int = PAGE) -> list[Event]:
    """The events of each span (stream, after, up to or None), at most `limit` of each, ascending, in one query."""
    return rows.select([Span(*span) for span in spans], limit) if spans else []


def frames(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Each event as it goes over the wire, in the same order.

    One that can no longer be opened, or whose body was removed, keeps its number and says so in its data
    (`contentError`: undecryptable, shredded or removed).
    """
    about_messages = [event for event in events if event.message_id is not None]
    rendered = iter(wiring.render(about_messages) if about_messages else ())
    keyring().preload_blobs((event.stream_id, event.body) for event in events if event.body is not None)
    return [_frame(event, _open(event) if event.message_id is None else next(rendered)) for event in events]


def visible_from(frames: Sequence[dict[str, Any]], first_seq: int) -> list[dict[str, Any]]:
    """The same frames for somebody who sees the stream from `first_seq` on: what is about something older is veiled."""
    return [_veiled(frame) if frame["data"].get("seq", first_seq) < first_seq else frame for frame in frames]


def _veiled(frame: dict[str, Any]) -> dict[str, Any]:
    return {**frame, "data": wiring.veiled(frame["data"])}


def heads(ids: Iterable[UUID]) -> dict[UUID, int]:
    """The highest committed seq of each of these streams; unknown ids are absent."""
    return dict(Stream.objects.filter(id__in=list(ids)).values_list("id", "head_seq"))


def _row(event: NewEvent) -> EventRow:
    event.stream.head_seq += 1
    row = EventRow(
        id=uuid7(),
        stream_id=event.stream.id,
        seq=event.stream.head_seq,
        kind=event.kind,
        actor_id=event.actor_id,
        message_id=event.message_id,
    )
    if event.message_id is None:
        row.body = keyring().seal(row.stream_id, payload=event.data or {}, **_binding(row))
    return row


def _binding(row: Event | EventRow) -> dict[str, Any]:
    """What a sealed body is bound to: it opens in no other row."""
    return {"object_id": row.id, "sender_id": row.actor_id, "revision": 0, "kind": "event"}


def open_body(row: Event) -> dict[str, Any]:
    """What was sealed in an event that has a body. Raises Undecryptable, Shredded."""
    return keyring().open_sealed(row.body or b"", row.stream_id, **_binding(row))


def seal_anew(row: Event, data: dict[str, Any]) -> bytes:
    """Another body for an event that has one, under the key of the old one: it lives as long."""
    return keyring().seal(row.stream_id, payload=data, epoch=blob_epoch(row.body or b""), **_binding(row))


def _open(row: Event) -> dict[str, Any]:
    if row.body is None:  # its time was over: the number is left
        return {"contentError": "removed"}
    try:
        return open_body(row)
    except (Undecryptable, Shredded) as error:
        return {"contentError": "shredded" if isinstance(error, Shredded) else "undecryptable"}


def _frame(row: Event | EventRow, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": row.kind,
        "conversationId": row.stream_id,
        "seq": row.seq,
        "at": wire_time(row.created_at),
        "actorId": row.actor_id,
        "data": data,
    }


def _publish(events: Sequence[NewEvent], stored: Sequence[EventRow]) -> None:
    for event in events:
        _committed.inc(event.kind)
    pairs = zip(events, stored, strict=True)
    hub.publish([Published(row.stream_id, row.seq, _frame(row, event.data or {})) for event, row in pairs])
    pokes.moved({event.stream.id: event.stream.head_seq for event in events})
