"""Entries become links of one chain.

Once a second whoever has the one lock appends seals for what is committed and not yet sealed, in the order of ids.
Nothing in the way of a message waits for that. Until then an entry is protected by its mac alone; the tail that is not
sealed yet is about a second long.

Entries get their ids just before COMMIT, yet some become visible late: behind a slow COMMIT, or from a process whose
clock is behind. So each look begins a little before the last one; once a minute one begins further back, and the first
and then one an hour goes through everything. Whatever was late is sealed then, after entries with higher ids.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import canonical
from audit.canonical import Fields
from audit.models import Seal
from audit.sql import fields_of
from core.sql import Row, insert, stored
from core.time import now
from encryption.models import installation

_LOCK = 0x6D78_6175_6469_7401  # "mxaudit", 1: a number nothing else in this database locks
_MOST_AT_ONCE = 2000
_NOTHING = UUID(int=0)

_LOOKS: Sequence[tuple[timedelta, timedelta | None]] = (
    (timedelta(hours=1), None),
    (timedelta(minutes=1), timedelta(minutes=10)),
    (timedelta(0), timedelta(seconds=10)),
)
"""How often at least to look how far back behind the last look; None is through everything."""


class _Looks:
    """When this process looked how far back. Others look for themselves; what they sealed is sealed."""

    def __init__(self) -> None:
        self._begun: dict[timedelta, float] = {}
        self._last: datetime | None = None

    def clear(self) -> None:
        self._begun.clear()

    def due(self, moment: float) -> tuple[timedelta, timedelta | None]:
        return next(look for look in _LOOKS if self._is_due(look[0], moment))

    def _is_due(self, every: timedelta, moment: float) -> bool:
        return every not in self._begun or moment - self._begun[every] >= every.total_seconds()

    def start(self, back: timedelta | None) -> UUID:
        """The id after which to look."""
        if back is None or self._last is None:
            return _NOTHING
        # The clock may have been set back since: what was the last look then lies in a time to come.
        first = min(self._last, now()) - back
        return UUID(int=int(first.timestamp() * 1000) << 80)  # the time of a UUID version 7 is its first 48 bits

    def done(self, every: timedelta, begun: float, moment: datetime) -> None:
        self._begun[every], self._last = begun, moment


_looks = _Looks()


def forget() -> None:
    """Look through everything next time: after the tables were restored or emptied."""
    _looks.clear()


def seal_pending() -> int:
    """Seal what is committed and not sealed yet. Returns how many entries; 0 also while somebody else is sealing."""
    begun, moment, total = monotonic(), now(), 0
    every, back = _looks.due(begun)
    after = _looks.start(back)
    while True:
        sealed = _seal_some(after)
        if sealed is None:
            return total
        total += len(sealed)
        if len(sealed) < _MOST_AT_ONCE:
            break
        after = sealed[-1]
    _looks.done(every, begun, moment)
    return total


def _seal_some(after: UUID) -> list[Any] | None:
    """Seal the next entries with ids above `after`; returns their ids, or None when somebody else has the lock."""
    with transaction.atomic():
        if not _alone():
            return None
        seals = _seals_for(_unsealed(after))
        insert("audit_seal", seals)
    return [seal["entry"] for seal in seals]


def _alone() -> bool:
    """Whether this transaction seals and no other. On SQLite it has the only write lock anyway."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _unsealed(after: UUID) -> list[tuple[Any, ...]]:
    """Id, mac and fields. The bound stands on both sides, else the database would walk all seals for a few entries."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.id, e.mac, {fields_of('e')} FROM audit_entry e"  # noqa: S608 - names from this package only
            " WHERE e.id > %s AND NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry = e.id AND s.entry > %s)"
            " ORDER BY e.id LIMIT %s",
            [stored(after), stored(after), _MOST_AT_ONCE],
        )
        return list(cursor.fetchall())


def _seals_for(entries: Sequence[tuple[Any, ...]]) -> list[Row]:
    newest = Seal.objects.order_by("-n").first()
    n, h = (newest.n, bytes(newest.h)) if newest else (0, canonical.genesis(installation().org))
    seals: list[Row] = []
    for entry_id, mac, *values in entries:
        n += 1
        h = canonical.link(h, n, canonical.leaf(canonical.canonical(Fields._make(values)), bytes(mac)))
        seals.append({"n": n, "entry": entry_id, "h": h})
    return seals
