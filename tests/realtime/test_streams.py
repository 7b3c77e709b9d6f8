"""The event log: dense numbers, whatever fails and whoever writes at the same time."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

import audit
from core.actor import SYSTEM_ID
from core.ids import uuid7
from core.time import now, wire_time
from realtime import streams
from realtime.hub import Hub
from realtime.models import Event, Stream
from realtime.published import Published
from realtime.rows import EventRow
from realtime.streams import NewEvent

pytestmark = pytest.mark.core


def open_one() -> UUID:
    with audit.transaction():
        return streams.open_stream(uuid7()).id


def rename(stream: Stream, name: str) -> NewEvent:
    """An event that is not about a message, so its data is sealed."""
    return NewEvent(stream, "conversation:updated", SYSTEM_ID, data={"name": name})


def append(stream_id: UUID, *names: str) -> list[EventRow]:
    with audit.transaction():
        stream = streams.lock([stream_id])[stream_id]
        return streams.append([rename(stream, name) for name in names])


def append_and_fail(stream_id: UUID) -> None:
    with audit.transaction():
        streams.append([rename(streams.lock([stream_id])[stream_id], "never")])
        raise ZeroDivisionError


def seqs(stream_id: UUID) -> list[int]:
    return list(Event.objects.filter(stream_id=stream_id).order_by("seq").values_list("seq", flat=True))


def test_numbers_are_dense_from_one(database: None) -> None:
    one, two = open_one(), open_one()
    assert [event.seq for event in append(one, "a", "b")] == [1, 2]
    with audit.transaction():
        locked = streams.lock([two, one])
        events = streams.append([rename(locked[one], "c"), rename(locked[two], "d"), rename(locked[one], "e")])
    assert [(event.stream_id, event.seq) for event in events] == [(one, 3), (two, 1), (one, 4)]
    assert streams.heads([one, two, uuid4()]) == {one: 4, two: 1}


def test_the_time_is_the_databases(database: None) -> None:
    [event] = append(open_one(), "a")
    assert abs(event.created_at - now()) < timedelta(seconds=10)
    assert Event.objects.get(id=event.id).created_at == event.created_at
    head = Stream.objects.get(id=event.stream_id)
    assert head.head_at is not None
    assert head.head_at >= event.created_at - timedelta(milliseconds=1)


def test_nothing_to_append_is_nothing(database: None) -> None:
    with audit.transaction():
        assert streams.append([]) == []


def test_what_fails_takes_no_number(database: None) -> None:
    stream_id = open_one()
    append(stream_id, "a")
    with pytest.raises(ZeroDivisionError):
        append_and_fail(stream_id)
    assert [event.seq for event in append(stream_id, "b")] == [2]
    assert seqs(stream_id) == [1, 2]


def test_a_number_cannot_be_given_twice(database: None) -> None:
    stream_id = open_one()
    append(stream_id, "a")
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.create(stream_id=stream_id, seq=1, kind="x", actor_id=SYSTEM_ID, message_id=uuid7())


def test_an_event_has_a_message_or_a_body_and_not_both(database: None) -> None:
    """Neither is what is left when its time is over."""
    stream_id = open_one()
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.create(stream_id=stream_id, seq=1, kind="x", actor_id=SYSTEM_ID, message_id=uuid7(), body=b"x")
    Event.objects.create(stream_id=stream_id, seq=1, kind="x", actor_id=SYSTEM_ID)


def test_a_lock_outside_a_transaction_would_hold_nothing(database: None) -> None:
    with pytest.raises(RuntimeError):
        streams.lock([uuid4()])


def test_unknown_streams_are_absent(database: None) -> None:
    known = open_one()
    with audit.transaction():
        assert list(streams.lock([uuid4(), known, known])) == [known]


def in_threads(count: int, work: Callable[[int], object]) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  raised again in the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def test_many_writers_of_the_same_streams_leave_no_hole_and_do_not_deadlock(database: None) -> None:
    ids = [open_one() for _ in range(4)]

    def work(number: int) -> None:
        for turn in range(10):
            chosen = [ids[(number + turn) % 4], ids[(number * 3 + turn + 1) % 4]]
            with audit.transaction():
                locked = streams.lock(chosen)
                streams.append([rename(stream, "x") for stream in locked.values()])

    in_threads(8, work)
    for stream_id in ids:
        head = streams.heads([stream_id])[stream_id]
        assert seqs(stream_id) == list(range(1, head + 1))
        assert head > 0


@pytest.mark.parametrize("count", [1, 30])
def test_appending_costs_two_statements_however_many_events(database: None, count: int) -> None:
    ids = [open_one() for _ in range(3)]
    for stream_id in ids:
        append(stream_id, "the key of the conversation is made here")
    with audit.transaction():
        locked = list(streams.lock(ids).values())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            streams.append([rename(locked[n % 3], str(n)) for n in range(count)])
    assert len(queries) == 2


def test_reading_gives_each_span_in_its_order(database: None) -> None:
    one, two = open_one(), open_one()
    append(one, *"abcde")
    append(two, *"vwxyz")
    read = streams.read([(two, 3, None), (one, 1, 3), (uuid4(), 0, None), (one, 4, 5)])
    assert [(event.stream_id, event.seq) for event in read] == [(two, 4), (two, 5), (one, 2), (one, 3), (one, 5)]
    assert [event.seq for event in streams.read([(one, 0, None), (two, 0, None)], 2)] == [1, 2, 1, 2]
    assert streams.read([]) == []


def test_reading_many_streams_is_one_query_on_postgresql(database: None) -> None:
    ids = [open_one() for _ in range(5)]
    with CaptureQueriesContext(connection) as queries:
        streams.read([(stream_id, 0, None) for stream_id in ids])
    assert len(queries) == (1 if connection.vendor == "postgresql" else len(ids))


def test_a_sealed_body_opens_in_its_frame_and_is_not_in_the_row(database: None) -> None:
    [event] = append(open_one(), "canary-1907")
    (read,) = streams.read([(event.stream_id, 0, None)])
    assert streams.frames([read]) == [
        {
            "event": "conversation:updated",
            "conversationId": event.stream_id,
            "seq": 1,
            "at": wire_time(event.created_at),
            "actorId": SYSTEM_ID,
            "data": {"name": "canary-1907"},
        }
    ]
    assert read.body is not None
    assert b"canary-1907" not in bytes(read.body)


def test_a_body_that_was_moved_or_changed_keeps_its_number_and_says_so(
    database: None, tamper: Callable[..., int]
) -> None:
    """T090 for events."""
    one, two = append(open_one(), "first", "second")
    tamper("UPDATE realtime_event SET body = %s WHERE id = %s", [bytes(two.body or b""), one.id.hex])
    first, second = streams.frames(streams.read([(one.stream_id, 0, None)]))
    assert (first["seq"], first["data"]) == (1, {"contentError": "undecryptable"})
    assert second["data"] == {"name": "second"}


def test_the_hub_hears_of_events_after_the_commit_and_of_no_others(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Published] = []
    monkeypatch.setattr(Hub, "publish", lambda self, events: heard.extend(events))
    stream_id = open_one()
    with audit.transaction():
        message: dict[str, object] = {}
        locked = streams.lock([stream_id])[stream_id]
        [event] = streams.append([NewEvent(locked, "message:new", SYSTEM_ID, uuid7(), message)])
        message["seq"] = event.seq
        assert heard == []
    assert [(one.seq, one.frame["data"]) for one in heard] == [(1, {"seq": 1})]
    with pytest.raises(ZeroDivisionError):
        append_and_fail(stream_id)
    assert len(heard) == 1


def test_a_deaf_hub_does_not_make_the_change_look_failed(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Hub, "publish", broken)
    stream_id = open_one()
    append(stream_id, "stored")
    assert seqs(stream_id) == [1]
