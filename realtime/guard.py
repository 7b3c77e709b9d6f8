"""How much one connection may bother the server before it is closed for it."""

import time

from django.conf import settings

from realtime.bucket import Bucket

_FLOOD = 5
_MOST_BAD = 20


class Guard:
    """Counts of one socket: frames, refusals of each limit, and mistakes in a row."""

    __slots__ = ("_bad", "_frames", "_refusals")

    def __init__(self) -> None:
        self._frames = Bucket("FRAMES")
        self._refusals: dict[str, tuple[float, int]] = {}
        self._bad = 0

    def frame(self) -> bool:
        """Count a frame; False when it is one too many."""
        return self._frames.take()

    def floods(self, limit: str) -> bool:
        """Count a refusal by this limit. True once there were five times as many attempts as the limit allows in its
        time: so many, less one fifth, were refused."""
        rate, moment = settings.LIMITS[limit], time.monotonic()
        since, count = self._refusals.get(limit, (moment, 0))
        if moment - since > rate.seconds:
            since, count = moment, 0
        self._refusals[limit] = since, count + 1
        return count + 1 >= (_FLOOD - 1) * rate.count

    def mistaken(self) -> bool:
        """Count a mistake; True with the 20th in a row."""
        self._bad += 1
        return self._bad >= _MOST_BAD

    def sensible(self) -> None:
        """Something the protocol knows was asked."""
        self._bad = 0
