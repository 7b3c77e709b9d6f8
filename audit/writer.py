"""The group commit of this process: drafts of every app that wait together are stored in one transaction together.

An app registers how its drafts are stored. The stores of a group run one after the other inside one
`audit.transaction()`, so that a group costs one COMMIT whatever is in it, and its entries one statement. What is read
for people in groups (`Reading`) has a thread of its own, so that nobody who sends waits for it.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, Unpack

from audit import log
from audit.entries import Note, Particulars
from core.actor import Actor
from core.errors import AppError
from core.writer import Draft, GroupWriter, Store

D = TypeVar("D", bound=Draft)

PATIENCE = 2.0
"""Seconds after which a reading that nobody has begun is refused, as in `realtime.threads`."""

_stores: dict[type[Draft], Store] = {}


def register(kind: type[D], store: Callable[[Sequence[D]], None]) -> None:
    """Have drafts of exactly this class stored by `store`, inside the transaction of their group.

    `store` sets each draft's `outcome`: its result, or the AppError that refuses it alone. It raises only when nothing
    of the group may be stored; the writer then tries each draft by itself. Stores run in the order of registration.
    """
    if kind in _stores:
        raise TypeError(f"{kind.__name__} has a store already")
    _stores[kind] = store


def _store(drafts: Sequence[Draft]) -> None:
    groups: defaultdict[type[Draft], list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[type(draft)].append(draft)
    with log.transaction():
        for kind, store in _stores.items():
            if kind in groups:
                store(groups.pop(kind))
        if groups:
            raise TypeError(f"nobody stores {', '.join(kind.__name__ for kind in groups)}")


writer = GroupWriter(_store, name="audit-writer")
"""The one writer of this process: `await writer.store(draft)`, or `writer.submit(draft).result()` in a thread."""


class EntryDraft(Draft):
    """An entry that stands alone, because what it tells of changed nothing: something was read, or refused.

    Waiting for its outcome (None) is waiting for its COMMIT. Raises ValueError for a verb that is not in `audit.verbs`.
    """

    def __init__(self, action: str, actor: Actor, **particulars: Unpack[Particulars]) -> None:
        super().__init__()
        self.note = Note(action, actor, **particulars)


def _store_entries(drafts: Sequence[EntryDraft]) -> None:
    for draft in drafts:
        log.add(draft.note)


register(EntryDraft, _store_entries)


class Reading(Draft):
    """Something read for somebody, who gets it once the entries about it are committed.

    `read` returns what it found, which becomes the outcome, and those entries; or raises the AppError that refuses it.
    """

    def __init__(self, read: Callable[[], tuple[Any, Sequence[EntryDraft]]]) -> None:
        super().__init__()
        self.read = read


def _read(readings: Sequence[Reading]) -> None:
    """One after the other, outside of a transaction, then the entries of all of them in one."""
    entries: list[EntryDraft] = []
    for reading in readings:
        try:
            reading.outcome, about = reading.read()
        except AppError as refusal:
            reading.outcome = refusal
        else:
            entries += about
    if entries:
        with log.transaction():
            _store_entries(entries)


reader = GroupWriter(_read, most=20, patience=PATIENCE, name="audit-reader")
"""Reads pages of messages. One costs a quarter less than in a thread of the pool with an entry through the writer:
whoever reads at the same time shares the way there, the COMMIT and the way back. With two such threads, or four, they
take each other's turns at the interpreter, and nothing is gained."""


def stop(timeout: float = 5.0) -> None:
    """Finish what waits for the reader and the writer, in so many seconds for both, and take nothing more."""
    until = time.monotonic() + timeout
    reader.stop(timeout)
    writer.stop(max(0.0, until - time.monotonic()))
