"""How often somebody may do something: token buckets, one per person and action, shared by every door.

A bucket holds `count` tokens and is refilled evenly, `count` per `seconds`. Limits are settings
(`LIMIT_MESSAGE_NEW=60/60` is 60 per 60 s), read when they bite, so that an operator's change is one line.

Every process decides by itself, in memory, and hears a moment later what the others gave out (`collect`, `spend`). A
bucket can go into debt that way, so the rate holds across processes however somebody spreads what they ask; only a
burst that is faster than the news can be served once by each process.
"""

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from core.errors import RateLimited

Key = tuple[str, UUID]
"""What is limited, and whose bucket it is."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` actions per `seconds`."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`"60/60"` → 60 per 60 s; a count alone is per minute. Raises ValueError for anything else."""
        count, _, seconds = text.partition("/")
        rate = cls(int(count), float(seconds or 60))
        if rate.count < 1 or rate.seconds <= 0:
            raise ValueError(f"a rate needs a positive count and time, not {text!r}")
        return rate


class Buckets:
    """Token buckets of this process. Full buckets are forgotten, so memory follows who is active."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()
        self._taken: dict[Key, int] = {}
        self._lock = threading.Lock()
        self.shared = False
        """Whether somebody collects what is taken, for other processes."""
        self.share = 1.0
        """The part of every rate that this process may give out: less than all of it while nobody hears the others."""

    def take(self, name: str, who: UUID, rate: Rate) -> float:
        """Take one token. Returns 0.0 when it was there, else the seconds until one will be."""
        key = name, who
        count = max(1.0, rate.count * self.share)
        refill = count / rate.seconds
        with self._lock:
            level, moment = self._level(key, count, refill)
            wait = 0.0 if level >= 1 else (1 - level) / refill
            self._keep(key, level if wait else level - 1, moment)
            if self.shared and not wait:
                self._taken[key] = self._taken.get(key, 0) + 1
        return wait

    def collect(self) -> dict[Key, int]:
        """How many tokens were taken here from which buckets since the last call."""
        with self._lock:
            taken, self._taken = self._taken, {}
        return taken

    def spend(self, name: str, who: UUID, rate: Rate, count: int) -> None:
        """So many tokens of this bucket were taken in another process. Its debt is at most one full bucket."""
        with self._lock:
            level, moment = self._level((name, who), float(rate.count), rate.count / rate.seconds)
            self._keep((name, who), max(level - count, -float(rate.count)), moment)

    def _level(self, key: Key, count: float, refill: float) -> tuple[float, float]:
        moment = time.monotonic()
        level, seen = self._levels.pop(key, (count, moment))
        return min(count, level + (moment - seen) * refill), moment

    def _keep(self, key: Key, level: float, moment: float) -> None:
        self._levels[key] = level, moment
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)

    def __len__(self) -> int:
        return len(self._levels)

    def clear(self) -> None:
        """Forget everybody; tests start from full buckets."""
        with self._lock:
            self._levels.clear()
            self._taken.clear()


buckets = Buckets()


def enforce(name: str, who: UUID) -> None:
    """Count one `name` for `who` against the setting `LIMITS[name]`; raises RateLimited when it is too many."""
    wait = buckets.take(name, who, settings.LIMITS[name])
    if wait:
        raise RateLimited(f"Too many requests; try again in {_spoken(wait)}.", retry_after_ms=int(wait * 1000) + 1)


def _spoken(seconds: float) -> str:
    """Rounded up: 7 s, 12 min, 5 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds > 2 * length:
            return f"{math.ceil(seconds / length)} {unit}"
    return f"{math.ceil(seconds)} s"
