"""T140: the disk of the database is full. Sending is refused by that name, what is there can be read, nothing is half
stored, and when there is room again everything goes on, on the same sockets and without a restart.

SQLite is given a real end: it may not take another page. PostgreSQL is made to say what it says when it cannot extend a
file (SQLSTATE 53100), by a trigger: filling a disk would take one.
"""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from uuid import UUID

import httpx
import pytest
from django.db import connection
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

from messaging import recounting
from messaging.models import Message
from realtime.models import Event, Stream
from tests.audit.conftest import log_cannot_be_written
from tests.live import Server
from tests.messaging.conftest import c1, doctor, patient
from tests.messaging.removing import nothing_is_wrong
from tests.messaging.talking import API, answered, page, post, refused, send
from tests.people import Person
from tests.sockets import Refusal, connect

__all__ = ["c1", "doctor", "log_cannot_be_written", "patient"]

pytestmark = pytest.mark.core

LONG = "x" * 5000
ANY = 1 << 30


class Disk(Protocol):
    def fill(self) -> None: ...

    def free(self) -> None: ...


class SqliteDisk:
    """No connection of this process may take more pages than there are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pages = ANY
        for name in ("execute", "executemany"):
            monkeypatch.setattr(SQLiteCursorWrapper, name, self._limited(getattr(SQLiteCursorWrapper, name)))

    def fill(self) -> None:
        self._pages = 1  # which SQLite takes for as many as there are

    def free(self) -> None:
        self._pages = ANY

    def _limited(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(cursor: sqlite3.Cursor, *args: Any) -> Any:
            cursor.connection.execute(f"PRAGMA max_page_count = {self._pages}")
            return real(cursor, *args)

        return run


class PostgresDisk:
    """The tables of what is said cannot grow."""

    def __init__(self, tamper: Callable[..., int]) -> None:
        self._tamper = tamper
        tamper(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )

    def fill(self, table: str = "messaging_message") -> None:
        self._tamper(f"CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()")

    def free(self) -> None:
        for table in ("messaging_message", "audit_entry"):
            self._tamper(f"DROP TRIGGER IF EXISTS no_room ON {table}")

    def remove(self) -> None:
        self.free()
        self._tamper("DROP FUNCTION no_room()")


@pytest.fixture
def disk(tamper: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    if connection.vendor == "sqlite":
        yield SqliteDisk(monkeypatch)
        return
    made = PostgresDisk(tamper)
    yield made
    made.remove()


def filled(client: httpx.Client, conversation: str, disk: Disk) -> httpx.Response:
    """Send until there is no room: what is free within the pages that there are is used up first."""
    disk.fill()
    for _ in range(200):
        answer = post(client, conversation, LONG)
        if answer.status_code != 201:
            return answer
    raise AssertionError("the disk does not fill")


def test_sends_are_refused_by_that_name_and_go_on_when_there_is_room(
    server: Server,
    disk: Disk,
    patient: httpx.Client,
    doctor: httpx.Client,
    pat1: Person,
    doc1: Person,
    c1: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    settings.LIMITS = {**settings.LIMITS, "MESSAGE_NEW": settings.LIMITS["REQUEST"]}
    kept = send(patient, c1, "K<3.5 and Na>145")
    with connect(server, pat1.token) as own, connect(server, doc1.token) as other:
        refusal = filled(patient, c1, disk)
        problem = refused(refusal, 503, "storage_full")
        assert problem["retryAfterMs"] > 0
        assert "Retry-After" in refusal.headers
        with pytest.raises(Refusal) as told:
            own.ask("message:new", {"conversationId": c1, "content": LONG})
        assert told.value.code == "storage_full"

        assert answered(patient.get(f"{API}/me"))["username"] == "pat1"
        read = patient.get(f"{API}/messages/{kept['id']}")
        # What must be recorded is shown when it is: where not even an entry has room it is refused, by that name.
        assert read.status_code == 200 or refused(read, 503, "storage_full")
        if connection.vendor == "postgresql":
            assert answered(read)["content"] == "K<3.5 and Na>145"
            assert page(doctor, c1)["results"][-1]["id"] == kept["id"]

        disk.free()
        after = send(patient, c1, "There is room again.")
        while (event := other.next_event("message:new"))["data"]["id"] != after["id"]:
            assert event["seq"] < after["seq"]
        assert own.ask("message:new", {"conversationId": c1, "content": "And here."})["seq"] == after["seq"] + 1
    seqs = list(Event.objects.filter(stream=UUID(c1)).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, Stream.objects.get(id=UUID(c1)).head_seq + 1))
    assert Message.objects.filter(conversation=UUID(c1)).count() == len(seqs)
    assert recounting.verify().problems == []
    nothing_is_wrong()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one file for all tables")
def test_a_log_without_room_is_a_full_disk_and_not_a_broken_log(
    disk: PostgresDisk, patient: httpx.Client, c1: str
) -> None:
    """Nothing is shown that cannot be recorded; the operator reads what to mend."""
    kept = send(patient, c1)
    disk.fill("audit_entry")
    refused(post(patient, c1), 503, "storage_full")
    refused(patient.get(f"{API}/messages/{kept['id']}"), 503, "storage_full")
    refused(patient.delete(f"{API}/messages/{kept['id']}"), 503, "storage_full")
    disk.free()
    assert answered(patient.get(f"{API}/messages/{kept['id']}"))["content"] == kept["content"]
    nothing_is_wrong()


def test_a_log_that_cannot_be_written_for_another_reason_is_called_so(
    patient: httpx.Client, c1: str, log_cannot_be_written: None
) -> None:
    refused(post(patient, c1), 503, "audit_unavailable")
