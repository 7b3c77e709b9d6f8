"""One run at a time, of whichever process. Whoever dies lets go at once: the lock belongs to a connection or a file."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import Error, connection

_LOCK = 0x6D78_7265_7465_6E01  # "mxreten", 1: a number nothing else in this database locks


class UnderWay(Exception):
    """Somebody else runs retention at this moment."""


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else runs retention meanwhile. Raises UnderWay when somebody does; waits for nobody.

    On PostgreSQL the lock belongs to this thread's connection. When that is lost the lock is too, and whatever its
    transaction did is undone: the next statement here fails, and with it the run.
    """
    with _by_connection() if connection.vendor == "postgresql" else _by_file():
        yield


@contextmanager
def _by_connection() -> Iterator[None]:
    if not _ask("SELECT pg_try_advisory_lock(%s)"):
        raise UnderWay
    try:
        yield
    finally:
        _let_go()


def _let_go() -> None:
    """A connection that cannot do even this goes, and the lock with it: the pool must not hand it on."""
    try:
        _ask("SELECT pg_advisory_unlock(%s)")
    except Error:
        connection.close()


def _ask(question: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, [_LOCK])
        return bool(cursor.fetchone()[0])


@contextmanager
def _by_file() -> Iterator[None]:
    """A file beside the database: all processes that use it are on this machine."""
    database = Path(str(connection.settings_dict["NAME"]))
    with database.with_name(f"{database.name}-retention").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnderWay from None
        yield
