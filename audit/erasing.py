"""Details of entries that are to be forgotten before their six years are over, because they tell of somebody.

The entry stays, with the hash of what it said, so the chain still holds (`audit.verify`). The database lets details go
early only when an entry says that they went: whatever is erased here can be counted afterwards.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import Error, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from audit.entries import Note, write
from audit.models import Detail, Entry
from core.actor import Actor
from core.database import as_unavailable
from core.errors import AuditUnavailable, LegalHold, StorageFull
from encryption.formats import Undecryptable

_AT_ONCE = 500

NotHeld = Callable[..., Q]
"""`core.retention.Schedule.not_held`."""


def uncovered(not_held: NotHeld) -> Q:
    """The condition for entries that no hold covers: whoever did it, whom it was done to, and where are free."""
    return not_held(conversation="conv", person="actor") & not_held(conversation="", person="object")


def erase_details(
    ids: Collection[UUID], *, naming: Collection[str], actor: Actor, freeze: Callable[[], None], not_held: NotHeld
) -> int:
    """Erase the details of every entry whose object is one of these, and of those with an action of `naming` whose
    details hold one of these ids; how many that were.

    Each leaves an entry `detail.erased` whose object is the entry. In batches, each its own transaction; a repeat finds
    what is left. Reads the log once through. `freeze` is the first thing in each batch's transaction: until its end
    nobody places a hold; it may refuse. Raises LegalHold in the end when details had to be left because a hold covers
    them; AuditUnavailable, StorageFull.
    """
    about = _with_details().filter(object__in=ids).values_list("id", flat=True)
    found = [*about, *_naming(_with_details().filter(action__in=naming), ids)]
    wanted = sorted(set(found))
    erased = 0
    for start in range(0, len(wanted), _AT_ONCE):
        erased += _erase(wanted[start : start + _AT_ONCE], actor, freeze, not_held)
    if erased < len(wanted):
        raise LegalHold()
    return erased


def _with_details() -> "QuerySet[Entry]":
    return Entry.objects.filter(Exists(Detail.objects.filter(entry=OuterRef("id"))), detail_h__isnull=False)


def _naming(entries: "QuerySet[Entry]", ids: Collection[UUID]) -> Iterator[UUID]:
    wanted = {str(id_) for id_ in ids}
    rows = Detail.objects.filter(entry__in=entries.values("id"))
    for row in rows.iterator():
        try:
            if wanted & set(_texts(row.payload())):
                yield row.entry
        except Undecryptable:
            continue  # Nobody reads it, and `verify` names it.


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _erase(entry_ids: Sequence[UUID], actor: Actor, freeze: Callable[[], None], not_held: NotHeld) -> int:
    """Of those that are not held; how many that were. First the entries that say so, which the trigger asks for."""
    try:
        with transaction.atomic():
            freeze()
            free = list(Entry.objects.filter(uncovered(not_held), id__in=entry_ids).values_list("id", flat=True))
            write([Note("detail.erased", actor, object_id=entry_id) for entry_id in free])
            Detail.objects.filter(entry__in=free).delete()
            return len(free)
    except Error as error:
        full = as_unavailable(error)
        raise (full if isinstance(full, StorageFull) else AuditUnavailable()) from error
