"""How event rows go in and come out: one seam with two sides.

PostgreSQL takes a whole group in one statement and reads many streams in one; everything else goes through the ORM.
Both sides promise the same.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from django.db import connection
from django.db.models import Max

from core.time import now
from realtime.models import Event, Stream

COLUMNS = ("id", "stream_id", "seq", "kind", "actor_id", "message_id", "body", "created_at")
_HIGHEST = 2**63 - 1

_INSERT = """
    INSERT INTO realtime_event (id, stream_id, seq, kind, actor_id, message_id, body)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::uuid[], %s::uuid[], %s::bytea[])
    RETURNING id, created_at
"""
_MOVE_HEADS = """
    UPDATE realtime_stream SET head_seq = moved.seq, head_at = clock_timestamp()
    FROM unnest(%s::uuid[], %s::bigint[]) AS moved (id, seq) WHERE realtime_stream.id = moved.id
"""
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


def insert(events: Sequence[Event]) -> None:
    """Store the rows and set each one's `created_at` to what the database says."""
    if connection.vendor == "postgresql":
        _insert_arrays(events)
        return
    for event in events:
        event.created_at = now()
    Event.objects.bulk_create(events)


def move_heads(streams: Iterable[Stream]) -> None:
    """Store `head_seq` of each of these locked streams, and that it moved now."""
    streams = list(streams)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_MOVE_HEADS, [[s.id for s in streams], [s.head_seq for s in streams]])
        return
    moment = now()
    for stream in streams:
        stream.head_at = moment
    Stream.objects.bulk_update(streams, ["head_seq", "head_at"])


def select(spans: Sequence[Span], limit: int) -> list[Event]:
    """The rows of each span, at most `limit` of each, ascending, in the order of the spans."""
    if connection.vendor == "postgresql":
        return _select_lateral(spans, limit)
    return [event for span in spans for event in _select_one(span, limit)]


def database_time() -> datetime:
    """What the database's clock says (aware, UTC): the clock of `created_at`."""
    if connection.vendor != "postgresql":
        return now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [moment] = cursor.fetchone()
    return cast(datetime, moment)


def heads_since(moment: datetime) -> dict[UUID, int]:
    """The streams with events inserted after this moment, and the number of each one's newest."""
    return dict(Event.objects.filter(created_at__gt=moment).values_list("stream_id").annotate(Max("seq")))


def _insert_arrays(events: Sequence[Event]) -> None:
    arrays = zip(*((e.id, e.stream_id, e.seq, e.kind, e.actor_id, e.message_id, e.body) for e in events), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(array) for array in arrays])
        times = dict(cursor.fetchall())
    for event in events:
        event.created_at = times[event.id]


def _select_lateral(spans: Sequence[Span], limit: int) -> list[Event]:
    highs = [_HIGHEST if span.up_to is None else span.up_to for span in spans]
    with connection.cursor() as cursor:
        cursor.execute(_READ, [[s.stream_id for s in spans], [s.after for s in spans], highs, limit])
        return [Event.from_db(connection.alias, COLUMNS, row) for row in cursor.fetchall()]


def _select_one(span: Span, limit: int) -> list[Event]:
    rows = Event.objects.filter(stream_id=span.stream_id, seq__gt=span.after)
    if span.up_to is not None:
        rows = rows.filter(seq__lte=span.up_to)
    return list(rows.order_by("seq")[:limit])
