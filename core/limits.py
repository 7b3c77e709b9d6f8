"""How often somebody may do something: token buckets, one per person and action, shared by every door.

A bucket holds `count` tokens and is refilled evenly, `count` per `seconds`. Limits are settings
(`LIMIT_MESSAGE_NEW=60/60` is 60 per 60 s), read when they bite, so that an operator's change is one line.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from core.errors import RateLimited


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
        self._levels: OrderedDict[tuple[str, UUID], tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, who: UUID, rate: Rate) -> float:
        """Take one token. Returns 0.0 when it was there, else the seconds until one will be."""
        key, moment = (name, who), time.monotonic()
        refill = rate.count / rate.seconds
        with self._lock:
            level, seen = self._levels.pop(key, (float(rate.count), moment))
            level = min(float(rate.count), level + (moment - seen) * refill)
            wait = 0.0 if level >= 1 else (1 - level) / refill
            self._levels[key] = (level - 1 if not wait else level, moment)
            while len(self._levels) > self._most:
                self._levels.popitem(last=False)
        return wait

    def __len__(self) -> int:
        return len(self._levels)

    def clear(self) -> None:
        """Forget everybody; tests start from full buckets."""
        with self._lock:
            self._levels.clear()


buckets = Buckets()


def enforce(name: str, who: UUID) -> None:
    """Count one `name` for `who` against the setting `LIMITS[name]`; raises RateLimited when it is too many."""
    wait = buckets.take(name, who, settings.LIMITS[name])
    if wait:
        raise RateLimited(retry_after_ms=int(wait * 1000) + 1)
