"""Room kept for the log, given back when the disk of the database is full: reading goes on, because it can be recorded.

Nothing is shown that cannot be recorded, and an entry needs room. So DATABASE_RESERVE bytes of the disk are kept filled
with nothing. The first who finds the disk full gives them back and notes a `Shortage`. From then on entries use that
room, and what would add to a conversation is refused before it writes (`realtime.streams`): senders must not eat what
readers need. Every process that serves tries from time to time to fill the reserve again (`tend`). When that succeeds
there is room, and the shortage is over in all processes at once: it is a row, which whoever locks a stream reads.

What gives room back must work where nothing can be written. PostgreSQL's TRUNCATE cuts a table's file at its COMMIT; on
SQLite the reserve is a file beside the database, which is removed.
"""

import errno
import logging
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import Error, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.models import Shortage
from core.database import as_unavailable
from core.errors import StorageFull
from core.time import now

log = logging.getLogger(__name__)

_BETWEEN_TRIES = timedelta(seconds=10)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_BLOCK = 1 << 20


class _Room(Protocol):
    """How room is held on one kind of database."""

    def fill(self, size: int) -> bool:
        """Hold `size` bytes from now on and end the shortage. False, with nothing held that was not held before, when
        there is not a quarter more than that: the next send would find the disk full again."""
        ...

    def give_back(self) -> bool:
        """The disk has it from now on; waits for a `fill` that is under way. False when there was nothing."""
        ...


def is_short() -> bool:
    """Whether there is room for entries only. One query."""
    return Shortage.objects.exists()


def ran_out(error: BaseException | None) -> bool:
    """Whether it was the database that said so, and not `realtime.streams`, which refuses because it said so before."""
    return isinstance(as_unavailable(error.__cause__ if isinstance(error, StorageFull) else error), StorageFull)


def give_back() -> None:
    """The disk is full: from now on there is a shortage, and the room of the reserve is there for entries.

    Outside of a transaction. A repeat changes nothing. Whoever calls it has an error to answer with already, so that
    one of its own goes to the log only.
    """
    if not settings.DATABASE_RESERVE:
        return
    try:
        gave = _room().give_back()
        Shortage.objects.bulk_create([Shortage(since=now(), tried_at=now())], ignore_conflicts=True)
    except Error as error:
        log.error("the disk of the database is full, and the reserve cannot be given back: %s", type(error).__name__)
        return
    if gave:
        log.error("the disk of the database is full: the reserve is given back, and only reading goes on")


def tend() -> None:
    """Fill the reserve unless it is full, and so end a shortage. In a thread that may use the database.

    During a shortage one process tries, at most every ten seconds, however many call it. Raises what the database
    raises, but for a disk that is full.
    """
    size, was_short = settings.DATABASE_RESERVE, is_short()
    if was_short and not _is_my_turn():
        return
    if size and not _room().fill(size):
        if not was_short:
            log.warning("the disk of the database has no room for DATABASE_RESERVE, %d bytes", size)
        return
    if not size:
        _room().give_back()
        Shortage.objects.all().delete()
    if was_short:
        log.warning("the disk of the database has room again")


def _is_my_turn() -> bool:
    moment = now()
    return Shortage.objects.filter(tried_at__lt=moment - _BETWEEN_TRIES).update(tried_at=moment) == 1


def _room() -> _Room:
    return _TABLE if connection.vendor == "postgresql" else _FILE


class _Table:
    """Pages of the table `audit_reserve`, which nobody reads. It is UNLOGGED: filling it writes no write-ahead log, and
    a crash of PostgreSQL empties it."""

    _PAGE = 8192
    _ROWS = 23
    """At least as many as a page takes: the table's fillfactor leaves nine tenths of each page empty."""

    def fill(self, size: int) -> bool:
        pages = -(-size // self._PAGE)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # Until the end whoever finds the disk full because of this waits to give it back, and so tries again
                # when this is over.
                self._lock(cursor)
                if self._held(cursor) < pages * self._PAGE:
                    with transaction.atomic():
                        self._write(cursor, pages + pages // 4)
                        transaction.set_rollback(True)
                    self._write(cursor, pages)
                Shortage.objects.all().delete()
        except OperationalError as error:
            if ran_out(error):
                return False
            raise
        return True

    def give_back(self) -> bool:
        with transaction.atomic(), connection.cursor() as cursor:
            self._lock(cursor)
            if not self._held(cursor):
                return False
            cursor.execute("TRUNCATE audit_reserve")
        return True

    def _write(self, cursor: CursorWrapper, pages: int) -> None:
        # After a TRUNCATE rows go to a new file, of which nothing is left when the transaction fails.
        cursor.execute("TRUNCATE audit_reserve")
        cursor.execute("INSERT INTO audit_reserve SELECT 0 FROM generate_series(1, %s)", [pages * self._ROWS])

    def _lock(self, cursor: CursorWrapper) -> None:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("LOCK TABLE audit_reserve IN ACCESS EXCLUSIVE MODE")

    def _held(self, cursor: CursorWrapper) -> int:
        cursor.execute("SELECT pg_relation_size('audit_reserve')")
        return int(cursor.fetchone()[0])


class _File:
    """A file beside the database's own, for its log has to grow too: pages that are free inside would not help."""

    def __init__(self) -> None:
        self._changing = threading.Lock()

    def fill(self, size: int) -> bool:
        with self._changing:
            if self._held() < size and not self._write(size):
                return False
            Shortage.objects.all().delete()
        return True

    def give_back(self) -> bool:
        with self._changing:
            held = self._held() > 0
            self._path().unlink(missing_ok=True)
        return held

    def _write(self, size: int) -> bool:
        draft = self._path().with_suffix(".new")
        try:
            with draft.open("wb") as file:
                self._append(file.fileno(), size + size // 4)
                os.ftruncate(file.fileno(), size)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno in _NO_ROOM:
                return False
            raise
        draft.rename(self._path())
        return True

    def _append(self, file: int, size: int) -> None:
        block = os.urandom(_BLOCK)  # not zeros: a file system that compresses would keep no room for those
        while size > 0:
            size -= os.write(file, block[:size])
        os.fsync(file)

    def _held(self) -> int:
        path = self._path()
        return path.stat().st_size if path.exists() else 0

    def _path(self) -> Path:
        return Path(f"{settings.DATABASES['default']['NAME']}-reserve")


_TABLE, _FILE = _Table(), _File()
