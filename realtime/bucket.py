"""How often something may happen, where one object sees all of it: no key, no lock, no memory of others."""

import time

from django.conf import settings


class Bucket:
    """A token bucket like those of `core.limits`, full at first, with the rate `settings.LIMITS[name]`."""

    __slots__ = ("_level", "_name", "_seen")

    def __init__(self, name: str) -> None:
        self._name = name
        self._level = float(settings.LIMITS[name].count)
        self._seen = time.monotonic()

    def take(self) -> bool:
        """Count one; False when it is one too many."""
        rate, moment = settings.LIMITS[self._name], time.monotonic()
        self._level = min(rate.count, self._level + (moment - self._seen) * rate.count / rate.seconds)
        self._seen = moment
        if self._level < 1:
            return False
        self._level -= 1
        return True
