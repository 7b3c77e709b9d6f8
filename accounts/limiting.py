"""How often somebody may be wrong: failures counted by django-ratelimit, refused when they are too many.

Only failures count, so a clinic behind one address can sign in all morning. The cache may be Redis, so what is counted
goes there as a keyed hash, never as a name or an address. When the cache does not answer, this process counts for
itself and allows half: guessing must not get easier because Redis is gone.
"""

import logging
import threading
import time
from collections import OrderedDict
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError

from core.errors import RateLimited
from core.limits import Rate
from encryption.keyring import keyring

log = logging.getLogger(__name__)

_PAUSE = 5.0
_MOST_LOCAL = 10_000


class _Usage(NamedTuple):
    """Failures so far, how many are allowed, and the seconds until they are forgotten."""

    failures: int
    allowed: int
    left: float


class LocalCounts:
    """Failures counted by this process, for while the cache is gone. A window starts with its first failure."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def usage(self, key: str, rate: Rate, *, add: bool) -> _Usage:
        moment = time.monotonic()
        with self._lock:
            ends, count = self._windows.get(key, (0.0, 0))
            if ends <= moment:
                ends, count = moment + rate.seconds, 0
            if add:
                count += 1
                self._windows[key] = (ends, count)
                self._windows.move_to_end(key)
            while len(self._windows) > _MOST_LOCAL:
                self._windows.popitem(last=False)
        return _Usage(count, max(rate.count // 2, 1), ends - moment)

    def clear(self) -> None:
        """Forget everything; for tests."""
        with self._lock:
            self._windows.clear()


local = LocalCounts()
_cache_back_at = 0.0


class Failures:
    """What one attempt would count against: names of rates in `settings.LIMITS`, each with what is counted.

    failures = Failures(LOGIN_FAILURES_ACCOUNT=username, LOGIN_FAILURES_ADDRESS=address)
    """

    def __init__(self, **counted: str) -> None:
        self._counted = [(name, _hashed(name, value)) for name, value in counted.items()]

    def require_room(self) -> None:
        """Raises RateLimited when one of the limits has been reached; `retry_after_ms` is when all have room again."""
        usages = [_usage(name, key, add=False) for name, key in self._counted]
        waits = [usage.left for usage in usages if usage.failures >= usage.allowed]
        if waits:
            raise RateLimited(retry_after_ms=int(max(1.0, *waits) * 1000))

    def count(self) -> None:
        """The attempt has failed."""
        for name, key in self._counted:
            _usage(name, key, add=True)


def login_failures(username: str, address: str) -> Failures:
    """Failures to sign in as `username`, which need not exist, from `address`."""
    name, place = username.lower(), _place(address)
    return Failures(
        LOGIN_FAILURES_ACCOUNT_ADDRESS=f"{place}\n{name}",
        LOGIN_FAILURES_ACCOUNT=name,
        LOGIN_FAILURES_ADDRESS=place,
    )


def refresh_failures(address: str) -> Failures:
    """Refresh tokens from `address` that never were any."""
    return Failures(REFRESH_FAILURES=_place(address))


def password_failures(user_id: UUID) -> Failures:
    """Wrong current passwords of who wants to change theirs."""
    return Failures(PASSWORD_FAILURES=str(user_id))


def totp_failures(user_id: UUID) -> Failures:
    """Wrong codes of whoever has shown the password of this person."""
    return Failures(TOTP_FAILURES=str(user_id))


def _place(address: str) -> str:
    """The address, or the network that one customer gets of IPv6: nobody shall guess from 2^64 places of their own."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _hashed(name: str, value: str) -> str:
    return keyring().keyed_hash("accounts.limit", f"{name}\n{value}".encode()).hex()


def _usage(name: str, key: str, *, add: bool) -> _Usage:
    global _cache_back_at
    rate = settings.LIMITS[name]
    # Counted here too, always: when the cache goes, nobody starts again from nothing.
    own = local.usage(key, rate, add=add)
    if time.monotonic() >= _cache_back_at:
        if (shared := _shared_usage(name, key, rate, add=add)) is not None:
            # Of the two the larger: who empties the cache must not win new tries.
            return shared if shared.failures >= own.failures else own._replace(allowed=shared.allowed)
        _cache_back_at = time.monotonic() + _PAUSE
        log.warning("the cache does not answer: failures to sign in are counted by this process alone")
    return own


def _shared_usage(name: str, key: str, rate: Rate, *, add: bool) -> _Usage | None:
    """As the cache has it; None when the cache does not answer, or holds what nobody here has put there."""
    try:
        found = get_usage(
            None, group=name, key=lambda group, request: key, rate=(rate.count, int(rate.seconds)), increment=add
        )
    except (RedisError, OSError, ValueError):
        return None
    if not found["limit"]:  # how django-ratelimit says that the cache has lost it
        return None
    return _Usage(found["count"], found["limit"], found["time_left"])
