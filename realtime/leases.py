"""Who holds what at this moment, in all processes: a table that each keeps in memory and that pokes keep alike.

A lease says that a holder holds a key: a session a person's presence, a person the view of a conversation, a socket one
of its person's places. It is this process's own, or it is another's and was heard of. Own ones are said again every
third of LEASE_TTL, and soon after a change; what another process said ends LEASE_TTL after its last word about it, or
at once when it goes in good order. A process that starts asks the others, and they say everything.

Nothing here is stored, and nothing is trusted to last: a process that dies leaves its leases behind for LEASE_TTL,
while Redis is away each process knows its own only, and alone, in the embedded default, there are no others.

Every entry point may be called from any thread and acts at once; the callbacks come on the event loop.
"""

import logging
import math
import time
from asyncio import AbstractEventLoop, sleep
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from realtime.inbox import Inbox

log = logging.getLogger(__name__)

MOST_SAID = 500
"""How many leases go into one poke."""

_BEATS = 60
"""How often within LEASE_TTL the table is looked at."""

_ROUND = 5
"""In so many beats all of a large table has been looked at."""

_LEAST = 1000
_OWN = ""

Place = tuple[str, UUID, UUID]
"""Kind, key and holder."""

Changed = Callable[[UUID], None]


@dataclass(slots=True)
class _Lease:
    """`lasts`: seconds from `said_at` on, for one that ends by itself; None for one that its process goes on saying."""

    holder: UUID
    origin: str
    value: str
    lasts: float | None
    said_at: float

    def ends_at(self, ttl: float) -> float:
        if self.lasts is not None:
            return self.said_at + self.lasts
        return math.inf if self.origin == _OWN else self.said_at + ttl


class Lost(NamedTuple):
    """A lease that ended because its time had come, not by its holder's word. `age`: seconds since that word."""

    key: UUID
    holder: UUID
    value: str
    age: float


class Leases:
    """Those of one process, its own and those it has heard of."""

    def __init__(self) -> None:
        self._table: dict[str, dict[UUID, tuple[_Lease, ...]]] = {}
        self._lock = Lock()
        self._news: dict[Place, None] = {}
        self._dirty: dict[tuple[str, UUID], None] = {}
        self._inbox = Inbox()
        self._on_change: dict[str, list[Changed]] = {}
        self._on_loss: dict[str, list[Callable[[Lost], None]]] = {}
        self._unseen: list[tuple[str, UUID]] = []
        self._part = _LEAST
        self.shared = False
        """Whether somebody collects the news, for other processes."""

    def bind(self, loop: AbstractEventLoop | None) -> None:
        """From now on the callbacks come on this loop; None: they do not come."""
        self._inbox.bind(loop)

    # What is held here.

    def hold(self, kind: str, key: UUID, holder: UUID, value: str = "") -> None:
        """This process says that `holder` holds `key`, until it drops it. A repeat changes the value or nothing."""
        self._put(kind, key, holder, value, None)

    def fade(self, kind: str, key: UUID, holder: UUID, seconds: float) -> None:
        """What this process holds ends by itself in so many seconds, also if the process is gone by then. Holding it
        again keeps it. Does nothing for what is not held here."""
        own = self._own(kind, key, holder)
        if own is not None:
            self._put(kind, key, holder, own.value, seconds)

    def drop(self, kind: str, key: UUID, holder: UUID) -> None:
        """This process no longer says so; what others say is theirs. Does nothing for what is not held here."""
        with self._lock:
            if self._remove(_OWN, kind, key, holder):
                self._tell(kind, key, holder)

    # What is held anywhere.

    def held(self, kind: str, key: UUID) -> dict[UUID, str]:
        """Each holder of the key with its value. Where processes say different values of one holder, the one that was
        said last counts."""
        present = sorted(self._present(kind, key), key=lambda lease: lease.said_at)
        return {lease.holder: lease.value for lease in present}

    def values(self, kind: str, key: UUID) -> list[str]:
        """What is said about the key: a value for each process and holder."""
        return [lease.value for lease in self._present(kind, key)]

    def keys(self, kind: str) -> Collection[UUID]:
        """Everything of this kind that somebody holds."""
        return [*self._table.get(kind, ())]

    def on_change(self, kind: str, callback: Changed) -> None:
        """`callback(key)` comes after anything about that key has changed; several changes may be one call."""
        self._on_change.setdefault(kind, []).append(callback)

    def on_loss(self, kind: str, callback: "Callable[[Lost], None]") -> None:
        """The callback comes for each lease that ended by itself, before those of `on_change`."""
        self._on_loss.setdefault(kind, []).append(callback)

    def clear(self) -> None:
        """Forget everything, without a word to anybody."""
        with self._lock:
            self._table.clear()
            self._news.clear()
            self._dirty.clear()

    # Between processes; by `pokes`, on the loop.

    def collect(self) -> list[tuple[Any, ...]]:
        """News for the other processes, at most MOST_SAID: (kind, key, holder, value, seconds it lasts or None), or
        (kind, key, holder) for what was dropped."""
        with self._lock:
            places = [place for place, _ in zip(self._news, range(MOST_SAID), strict=False)]
            for place in places:
                del self._news[place]
            return [self._as_said(*place) for place in places]

    def forget_news(self) -> None:
        """Nobody else is there to be told."""
        with self._lock:
            self._news.clear()

    def has_news(self) -> bool:
        return bool(self._news)

    def take(self, origin: str, said: Iterable[Iterable[Any]]) -> None:
        """What another process said."""
        for kind, key, holder, *more in said:
            place = str(kind), UUID(key), UUID(holder)
            if more:
                value, lasts = more
                self._put(*place, str(value), None if lasts is None else float(lasts), origin)
            else:
                with self._lock:
                    self._remove(origin, *place)

    def say_all(self) -> None:
        """Say all own leases again: somebody has asked, or could not hear for a while."""
        with self._lock:
            for kind, keys in self._table.items():
                for key, leases in keys.items():
                    for lease in leases:
                        if lease.origin == _OWN:
                            self._tell(kind, key, lease.holder)

    def forget(self, origin: str) -> None:
        """That process goes: it holds nothing any more, but for what it let fade."""
        with self._lock:
            gone = [
                (kind, key, lease.holder)
                for kind, keys in self._table.items()
                for key, leases in keys.items()
                for lease in leases
                if lease.origin == origin and lease.lasts is None
            ]
            for place in gone:
                self._remove(origin, *place)

    async def run(self) -> None:
        """See to it that own leases are said again in time and that others' end in time, for ever."""
        while True:
            await sleep(settings.LEASE_TTL / _BEATS)
            self.look()

    def look(self) -> None:
        """One beat: look at a part of the table, so that a large one does not hold the loop."""
        if not self._unseen:
            with self._lock:
                self._unseen = [(kind, key) for kind, keys in self._table.items() for key in keys]
            self._part = max(_LEAST, math.ceil(len(self._unseen) / _ROUND))
        part, self._unseen = self._unseen[: self._part], self._unseen[self._part :]
        moment, ttl = time.monotonic(), settings.LEASE_TTL
        for kind, key in part:
            for lease in self._table.get(kind, {}).get(key, ()):
                # The last word of most was a moment ago.
                if moment - lease.said_at >= ttl / 3 or lease.lasts is not None:
                    self._look_at(kind, key, lease, moment, ttl)

    def _look_at(self, kind: str, key: UUID, lease: _Lease, moment: float, ttl: float) -> None:
        if lease.ends_at(ttl) <= moment:
            self._lose(kind, key, lease, moment)
        elif lease.origin == _OWN and lease.lasts is None:
            with self._lock:
                self._tell(kind, key, lease.holder)

    def _lose(self, kind: str, key: UUID, lease: _Lease, moment: float) -> None:
        with self._lock:
            lost = self._remove(lease.origin, kind, key, lease.holder)
        if lost:
            for callback in self._on_loss.get(kind, ()):
                _call(callback, Lost(key, lease.holder, lease.value, moment - lease.said_at))

    def _put(self, kind: str, key: UUID, holder: UUID, value: str, lasts: float | None, origin: str = _OWN) -> None:
        with self._lock:
            keys = self._table.setdefault(kind, {})
            leases = keys.get(key, ())
            known = next((one for one in leases if one.holder == holder and one.origin == origin), None)
            same = known is not None and known.value == value
            if origin == _OWN and not (same and known is not None and known.lasts == lasts):
                self._tell(kind, key, holder)
            if known is None:
                keys[key] = (*leases, _Lease(holder, origin, value, lasts, time.monotonic()))
            else:
                known.value, known.lasts = value, lasts
                known.said_at = time.monotonic()
            if not same:
                self._change(kind, key)

    def _remove(self, origin: str, kind: str, key: UUID, holder: UUID) -> bool:
        """Under the lock. False when there was no such lease."""
        keys = self._table.get(kind, {})
        leases = keys.get(key, ())
        left = tuple(one for one in leases if one.holder != holder or one.origin != origin)
        if len(left) == len(leases):
            return False
        if left:
            keys[key] = left
        else:
            del keys[key]
        self._change(kind, key)
        return True

    def _own(self, kind: str, key: UUID, holder: UUID) -> _Lease | None:
        leases = self._table.get(kind, {}).get(key, ())
        return next((one for one in leases if one.holder == holder and one.origin == _OWN), None)

    def _present(self, kind: str, key: UUID) -> list[_Lease]:
        moment, ttl = time.monotonic(), settings.LEASE_TTL
        return [lease for lease in self._table.get(kind, {}).get(key, ()) if lease.ends_at(ttl) > moment]

    def _as_said(self, kind: str, key: UUID, holder: UUID) -> tuple[Any, ...]:
        own = self._own(kind, key, holder)
        if own is None:
            return kind, str(key), str(holder)
        moment, lasts = time.monotonic(), own.lasts
        if lasts is None:
            own.said_at = moment
        else:
            lasts = max(0.0, own.said_at + lasts - moment)
        return kind, str(key), str(holder), own.value, lasts

    def _tell(self, kind: str, key: UUID, holder: UUID) -> None:
        if self.shared:
            self._news[kind, key, holder] = None

    def _change(self, kind: str, key: UUID) -> None:
        if kind in self._on_change:
            self._dirty[kind, key] = None
            self._inbox.put(self._notify)

    def _notify(self) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, {}
        for kind, key in dirty:
            for callback in self._on_change[kind]:
                _call(callback, key)


def _call(callback: Callable[[Any], None], about: Any) -> None:
    try:
        callback(about)
    except Exception as error:  # noqa: BLE001  a defect of one listener must not keep the others from hearing
        log.error("a listener of leases failed: %s", type(error).__name__)


leases = Leases()
"""Those of this process."""
