"""T140: the disk of the database is full. Sending is refused by that name, what is there can be read, nothing is half
stored, and when there is room again everything goes on, on the same sockets and without a restart.

SQLite is given a real end: it may not take another page than there are, and those of the reserve. PostgreSQL is made to
say what it says when it cannot extend a file (SQLSTATE 53100), by triggers: filling a disk would take one.
"""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol, cast
from uuid import UUID

import httpx
import pytest
from django.db import connection
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

from attachments.models import Attachment
from audit import reserve
from audit.models import Shortage
from audit.seals import seal_pending
from core.ids import uuid7
from core.limits import Rate
from core.time import now
from messaging.models import Conversation, Message, Report
from realtime.models import Event, Stream
from tests.attachments.filing import fetch, uploaded
from tests.attachments.filing import post as upload
from tests.audit.conftest import log_cannot_be_written
from tests.live import Server
from tests.messaging.conftest import c1, doctor, patient
from tests.messaging.removing import nothing_is_wrong
from tests.messaging.talking import API, answered, contents, page, post, refused, send
from tests.people import PASSWORD, Person
from tests.sockets import Refusal, connect

__all__ = ["c1", "doctor", "log_cannot_be_written", "patient"]

pytestmark = pytest.mark.core

LONG = "x" * 5000
ANY = 1 << 30
RESERVE = 1 << 20


class Disk(Protocol):
    def fill(self) -> None:
        """From now on there is no room but what the reserve holds."""

    def free(self) -> None: ...


class SqliteDisk:
    """No connection of this process may take more pages than there are, and those of the reserve when it is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._most = ANY
        for name in ("execute", "executemany"):
            monkeypatch.setattr(SQLiteCursorWrapper, name, self._limited(getattr(SQLiteCursorWrapper, name)))
        monkeypatch.setattr(reserve._FILE, "_append", self._limited_file(reserve._FILE._append))

    def fill(self) -> None:
        """Pages that other tests have left empty are taken first."""
        empty, size = self._pragma("freelist_count"), self._pragma("page_size")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS ballast (held BLOB)")
            cursor.execute("INSERT INTO ballast VALUES (zeroblob(%s))", [empty * size])
        self._most = self._pragma("page_count")

    def free(self) -> None:
        self._most = ANY
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS ballast")

    def _pragma(self, name: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {name}")
            return int(cursor.fetchone()[0])

    def _limited(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(cursor: sqlite3.Cursor, *args: Any) -> Any:
            cursor.connection.execute(f"PRAGMA max_page_count = {self._most + self._given_back()}")
            return real(cursor, *args)

        return run

    def _limited_file(self, real: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def append(file: int, size: int) -> None:
            if self._most != ANY:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(file, size)

        return append

    def _given_back(self) -> int:
        return 0 if reserve._FILE._path().exists() else RESERVE // 4096


class PostgresDisk:
    """The tables of what is said, and of the log, cannot grow while the reserve holds room; and the reserve cannot."""

    def __init__(self, tamper: Callable[..., int]) -> None:
        self._tamper = tamper
        for name, condition in (("no_room", "pg_relation_size('audit_reserve') > 0"), ("no_room_at_all", "true")):
            tamper(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN"
                " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';"
                " END IF; RETURN NULL; END $$"
            )

    def fill(self) -> None:
        self._refuse("audit_reserve", "no_room_at_all")
        for table in ("messaging_message", "audit_entry"):
            self._refuse(table, "no_room")

    def use_up(self) -> None:
        """Not even for an entry is there room."""
        self._refuse("audit_entry", "no_room_at_all")

    def free(self) -> None:
        for name in ("no_room", "no_room_at_all"):
            for table in ("messaging_message", "audit_entry", "audit_reserve"):
                self._tamper(f"DROP TRIGGER IF EXISTS {name} ON {table}")

    def remove(self) -> None:
        self.free()
        self._tamper("DROP FUNCTION no_room(), no_room_at_all()")

    def _refuse(self, table: str, function: str) -> None:
        self._tamper(
            f"CREATE TRIGGER {function} BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


@pytest.fixture
def disk(tamper: Callable[..., int], monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Disk]:
    """A disk with a reserve that is filled."""
    settings.DATABASE_RESERVE = RESERVE
    settings.LIMITS = dict.fromkeys(settings.LIMITS, Rate(1_000_000, 60))
    monkeypatch.setattr(reserve, "_BETWEEN_TRIES", timedelta(0))
    reserve.tend()
    if connection.vendor == "sqlite":
        limited = SqliteDisk(monkeypatch)
        yield limited
        limited.free()
    else:
        made = PostgresDisk(tamper)
        yield made
        made.remove()
    reserve.give_back()


@pytest.fixture
def tending(server: Server, settings: Any) -> Iterator[Server]:
    """The server, which tries to fill its reserve all the time instead of every 15 s."""
    before, settings.SWEEP_INTERVAL = settings.SWEEP_INTERVAL, 0.05
    server.begin_anew()
    yield server
    settings.SWEEP_INTERVAL = before
    server.begin_anew()


def filled(client: httpx.Client, conversation: str, disk: Disk) -> httpx.Response:
    """Send until there is no room: what is free within the pages that there are is used up first."""
    disk.fill()
    for _ in range(200):
        answer = post(client, conversation, LONG)
        if answer.status_code != 201:
            return answer
    raise AssertionError("the disk does not fill")


def test_sends_are_refused_by_that_name_and_go_on_when_there_is_room(
    tending: Server, disk: Disk, patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person, c1: str
) -> None:
    kept = send(patient, c1, "K<3.5 and Na>145")
    with connect(tending, pat1.token) as own, connect(tending, doc1.token) as other:
        refusal = filled(patient, c1, disk)
        problem = refused(refusal, 503, "storage_full")
        assert problem["retryAfterMs"] > 0
        assert "Retry-After" in refusal.headers
        with pytest.raises(Refusal) as told:
            own.ask("message:new", {"conversationId": c1, "content": LONG})
        assert told.value.code == "storage_full"

        stored = Message.objects.count()
        for _ in range(20):
            assert answered(patient.get(f"{API}/messages/{kept['id']}"))["content"] == "K<3.5 and Na>145"
            assert page(doctor, c1)["results"]
            refused(post(patient, c1), 503, "storage_full")
        assert Message.objects.count() == stored

        disk.free()
        tending.sees(lambda: not reserve.is_short())
        after = send(patient, c1, "There is room again.")
        while (event := other.next_event("message:new"))["data"]["id"] != after["id"]:
            assert event["seq"] < after["seq"]
        assert own.ask("message:new", {"conversationId": c1, "content": "And here."})["seq"] == after["seq"] + 1
    seqs = list(Event.objects.filter(stream=UUID(c1)).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, Stream.objects.get(id=UUID(c1)).head_seq + 1))
    assert Message.objects.filter(conversation=UUID(c1)).count() == len(seqs)
    seal_pending()
    nothing_is_wrong()


def test_who_reads_is_who_finds_the_disk_full(
    server: Server, disk: Disk, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    """They are answered at once: their entries are written again when the reserve was given back."""
    send(patient, c1, "K<3.5 and Na>145")
    disk.fill()
    for _ in range(2000):
        assert contents(page(doctor, c1)["results"]) == ["K<3.5 and Na>145"]
        if reserve.is_short():
            break
    else:
        raise AssertionError("the disk does not fill")
    refused(post(patient, c1), 503, "storage_full")
    disk.free()
    reserve.tend()
    send(patient, c1)


def test_during_a_shortage_nothing_is_added_and_everything_is_read(
    disk: Disk, patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    """Another process has found the disk full: this one has written nothing since, and knows."""
    message, file = send(patient, c1, "K<3.5 and Na>145", clientMessageId="c-1"), uploaded(patient, c1)
    disk.fill()
    reserve.give_back()
    about = f"{API}/messages/{message['id']}"
    before = {model: model.objects.count() for model in (Message, Event, Attachment, Conversation, Report)}
    for answer in (
        post(patient, c1),
        upload(patient, c1),
        patient.patch(about, json={"content": LONG}),
        patient.delete(about),
        patient.put(f"{about}/reactions/%F0%9F%91%8D"),
        doctor.post(f"{about}/report", json={"reason": "other"}),
        doctor.post(f"{API}/conversations", json={"kind": "group", "name": "Ward 3"}),
    ):
        refused(answer, 503, "storage_full")
    assert {model: model.objects.count() for model in before} == before

    assert answered(post(patient, c1, "K<3.5 and Na>145", clientMessageId="c-1"))["id"] == message["id"]
    assert fetch(patient, file).status_code == 200
    assert answered(patient.get(f"{API}/users", params={"search": "doc"}))["results"]
    refused(patient.get(f"{API}/messages/{uuid7()}"), 404, "not_found")
    again = patient.post(f"{API}/auth/token", json={"username": "pat1", "password": PASSWORD})
    assert answered(again)["access"]
    disk.free()
    reserve.tend()
    send(patient, c1)
    seal_pending()
    nothing_is_wrong()


def test_of_many_who_would_fill_the_reserve_one_tries_in_ten_seconds(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, patient: httpx.Client, c1: str
) -> None:
    monkeypatch.undo()
    reserve.give_back()
    reserve.tend()
    assert reserve.is_short()
    Shortage.objects.update(tried_at=now() - timedelta(seconds=11))
    reserve.tend()
    assert not reserve.is_short()


def test_without_a_reserve_there_is_no_shortage(disk: Disk, patient: httpx.Client, c1: str, settings: Any) -> None:
    """As long as there is no room everything that is recorded is refused; what was held before is given back."""
    kept = send(patient, c1)
    settings.DATABASE_RESERVE = 0
    reserve.tend()
    disk.fill()
    if connection.vendor == "postgresql":
        cast(PostgresDisk, disk).use_up()
        refused(patient.get(f"{API}/messages/{kept['id']}"), 503, "storage_full")
    assert not reserve.is_short()
    disk.free()
    send(patient, c1)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one file for all tables")
def test_when_the_reserve_is_used_up_too_nothing_is_shown(disk: PostgresDisk, patient: httpx.Client, c1: str) -> None:
    """Nothing is shown that cannot be recorded; the log is not broken, and the operator reads what to mend."""
    kept = send(patient, c1)
    disk.use_up()
    refused(post(patient, c1), 503, "storage_full")
    refused(patient.get(f"{API}/messages/{kept['id']}"), 503, "storage_full")
    refused(patient.delete(f"{API}/messages/{kept['id']}"), 503, "storage_full")
    disk.free()
    assert answered(patient.get(f"{API}/messages/{kept['id']}"))["content"] == kept["content"]
    reserve.tend()
    send(patient, c1)
    nothing_is_wrong()


def test_a_log_that_cannot_be_written_for_another_reason_is_called_so(
    patient: httpx.Client, c1: str, log_cannot_be_written: None
) -> None:
    refused(post(patient, c1), 503, "audit_unavailable")
