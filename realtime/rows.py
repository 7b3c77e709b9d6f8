"""How event rows go in and come out: one seam with two sides.

PostgreSQL takes a whole group in one statement and reads many streams in one; everything else goes through the ORM.
Both sides promise the same.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, Max

from audit.models import Shortage
from core import sql
from core.time import now
from realtime.models import Event, Stream

COLUMNS = ("id", "stream_id", "seq", "kind", "actor_id", "message_id", "body", "created_at")
_NOT_YET = datetime.min.replace(tzinfo=UTC)
_GIVEN = COLUMNS[:-1]
_HIGHEST = 2**63 - 1

_LOCK = """
    SELECT id, head_seq, EXISTS (SELECT 1 FROM audit_shortage) FROM realtime_stream WHERE id = ANY(%s)
    ORDER BY id FOR UPDATE
"""
_MOVE_HEADS = """
    UPDATE realtime_stream SET head_seq = moved.seq, head_at = clock_timestamp()
    FROM unnest(%s::uuid[], %s::bigint[]) AS moved (id, seq) WHERE realtime_stream.id = moved.id
"""
_MOVE_HEAD = "UPDATE realtime_stream SET head_seq = %s, head_at = %s WHERE id = %s"
# A plain join would sort the whole log of every stream before the limit; LATERAL stops in each stream's index.
_READ = """
    SELECT event.* FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) WITH ORDINALITY AS span (id, low, high, place)
    CROSS JOIN LATERAL (
        SELECT id, stream_id, seq, kind, actor_id, message_id, body, created_at FROM realtime_event
        WHERE stream_id = span.id AND seq > span.low AND seq <= span.high ORDER BY seq LIMIT %s
    ) AS event
    ORDER BY span.place, event.seq
"""


class Span(NamedTuple):
    """The events of one stream with `after` < seq ≤ `up_to`; None is up to the head."""

    stream_id: UUID
    after: int
    up_to: int | None = None


@dataclass(slots=True)
class EventRow:
    """An event that is being stored; `created_at` is set by `insert`. Lighter than a model instance."""

    id: UUID
    stream_id: UUID
    seq: int
    kind: str
    actor_id: UUID
    message_id: UUID | None
    body: bytes | None = None
    created_at: datetime = _NOT_YET


def lock(ids: Collection[UUID]) -> list[Stream]:
    """These streams with their heads and `is_short`, in the order of ids, locked until the end of the transaction."""
    if connection.vendor == "postgresql":
        return [_locked(*row) for row in sql.fetch(_LOCK, list(ids))]
    streams = Stream.objects.filter(id__in=ids).order_by("id")
    return [_locked(*row) for row in streams.values_list("id", "head_seq", Exists(Shortage.objects.all()))]


def _locked(id_: UUID, head_seq: int, is_short: bool) -> Stream:
    stream = Stream(id=id_, head_seq=head_seq)
    stream.is_short = is_short
    return stream


def insert(events: Sequence[EventRow]) -> None:
    """Store the rows and set each one's `created_at` to what the database says."""
    if connection.vendor == "postgresql":
        _insert_document(events)
        return
    for event in events:
        event.created_at = now()
    sql.insert("realtime_event", [{name: getattr(event, name) for name in COLUMNS} for event in events])


def move_heads(streams: Iterable[Stream]) -> None:
    """Store `head_seq` of each of these locked streams, and that it moved now."""
    streams = list(streams)
    if connection.vendor == "postgresql":
        sql.fetch(_MOVE_HEADS, [s.id for s in streams], [s.head_seq for s in streams])
        return
    moment = now()
    sql.run_for_each(_MOVE_HEAD, [(stream.head_seq, moment, stream.id) for stream in streams])


def select(spans: Sequence[Span], limit: int) -> list[Event]:
    """The rows of each span, at most `limit` of each, ascending, in the order of the spans."""
    if connection.vendor == "postgresql":
        return _select_lateral(spans, limit)
    return [event for span in spans for event in _select_one(span, limit)]


def heads_since(moment: datetime) -> dict[UUID, int]:
    """The streams with events inserted after this moment, and the number of each one's newest."""
    return dict(Event.objects.filter(created_at__gt=moment).values_list("stream_id").annotate(Max("seq")))


def _insert_document(events: Sequence[EventRow]) -> None:
    rows = [{name: getattr(event, name) for name in _GIVEN} for event in events]
    times = dict(sql.insert_returning("realtime_event", rows, "id, created_at"))
    for event in events:
        event.created_at = times[event.id]


def _select_lateral(spans: Sequence[Span], limit: int) -> list[Event]:
    highs = [_HIGHEST if span.up_to is None else span.up_to for span in spans]
    found = sql.fetch(_READ, [s.stream_id for s in spans], [s.after for s in spans], highs, limit)
    return [Event.from_db(connection.alias, COLUMNS, row) for row in found]


def _select_one(span: Span, limit: int) -> list[Event]:
    rows = Event.objects.filter(stream_id=span.stream_id, seq__gt=span.after)
    if span.up_to is not None:
        rows = rows.filter(seq__lte=span.up_to)
    return list(rows.order_by("seq")[:limit])
