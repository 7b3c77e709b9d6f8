"""record() and transaction(): no action without its entry, no entry without its action.

`record` only queues. `transaction` writes what was queued just before COMMIT, in one statement for each table, and the
action fails when that cannot be done. Ids and times are given at that moment, so that entries become visible nearly in
the order of their ids. The chain over them is made a little later (`audit.seals`): made in the transaction, every
writer of the server would have to wait for every other.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

from django.db import Error, connection
from django.db import transaction as database

from audit import reserve
from audit.entries import Note, Particulars, write
from core.actor import Actor
from core.database import as_unavailable
from core.errors import AuditUnavailable, StorageFull


class _Recorded(threading.local):
    """What was recorded in the present transaction; None outside of one. A connection belongs to one thread, too."""

    notes: list[Note] | None = None


_recorded = _Recorded()


@contextmanager
def transaction() -> Iterator[None]:
    """A transaction whose entries are written just before it commits.

    Inside another one it is a savepoint: when it fails and the caller carries on, its changes and its entries are gone
    and the others stay. Raises AuditUnavailable, with nothing committed, when the entries cannot be written.
    Whoever learns that the disk is full can try again: the reserve was given back (`audit.reserve`).
    """
    if _recorded.notes is None:
        with _relieved(), database.atomic(), _collecting() as notes:
            yield
            _write(notes)
    else:
        with _dropping_on_failure(_recorded.notes), database.atomic():
            yield


def record(action: str, *, actor: Actor, **particulars: Unpack[Particulars]) -> None:
    """Queue one entry; it commits with the present `transaction()`, or not at all.

    Raises RuntimeError outside `transaction()` and ValueError for a verb that is not in `audit.verbs`.
    """
    add(Note(action, actor, **particulars))


def add(note: Note) -> None:
    """The same for a note that is made already."""
    if _recorded.notes is None:
        raise RuntimeError("an audit entry commits with its action: put audit.transaction() around both")
    _recorded.notes.append(note)


@contextmanager
def _relieved() -> Iterator[None]:
    try:
        yield
    except (Error, StorageFull) as error:
        if reserve.ran_out(error) and not connection.in_atomic_block:
            reserve.give_back()
        raise


@contextmanager
def _collecting() -> Iterator[list[Note]]:
    notes: list[Note] = []
    _recorded.notes = notes
    try:
        yield notes
    finally:
        _recorded.notes = None


@contextmanager
def _dropping_on_failure(notes: list[Note]) -> Iterator[None]:
    before = len(notes)
    try:
        yield
    except BaseException:
        del notes[before:]
        raise


def _write(notes: list[Note]) -> None:
    try:
        write(notes)
    except Error as error:
        # A full disk is the operator's to mend, and they shall find it by its name.
        full = as_unavailable(error)
        raise (full if isinstance(full, StorageFull) else AuditUnavailable()) from error
