"""How many exports there may be at once: each holds a piece of somebody's data as long as its client takes over it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from core.errors import RateLimited, Unavailable

MOST = 16
MOST_OF_ONE = 2
"""Of one person: a download that was cut off may not have ended here when it is begun again."""

_RETRY_AFTER_MS = 30_000

_taken: Counter[UUID] = Counter()


class TooManyExports(Unavailable):
    code, title = "overloaded", "Too many people take their data with them at once."


@contextmanager
def taken(user_id: UUID) -> Iterator[None]:
    """Around an export, on the event loop. Raises TooManyExports or RateLimited when there is no place."""
    if _taken[user_id] >= MOST_OF_ONE:
        raise RateLimited(f"At most {MOST_OF_ONE} exports of one person go on at once.", retry_after_ms=_RETRY_AFTER_MS)
    if _taken.total() >= MOST:
        raise TooManyExports(retry_after_ms=_RETRY_AFTER_MS)
    _taken[user_id] += 1
    try:
        yield
    finally:
        _taken[user_id] -= 1
        if not _taken[user_id]:
            del _taken[user_id]
