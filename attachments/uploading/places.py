"""How many uploads there may be at once: each has a thread, a connection to the storage and one to the scanner."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from attachments.refusals import TooManyUploads
from core.errors import RateLimited

MOST = 16
MOST_OF_ONE = 4
"""Of one person, whose further files wait their turn: somebody with a slow line, or in bad faith, leaves room for
others. Twice as many as the page brings at once: what a phone began before its line changed keeps its places for a
minute more (LONGEST_STALL)."""

_RETRY_AFTER_MS = 5000

_taken: Counter[UUID] = Counter()


@contextmanager
def taken(user_id: UUID) -> Iterator[None]:
    """Around an upload whose file has begun, on the event loop: who has sent none of it takes nobody's place.

    Raises TooManyUploads or RateLimited when there is none.
    """
    if _taken[user_id] >= MOST_OF_ONE:
        raise RateLimited(f"At most {MOST_OF_ONE} uploads of one person go on at once.", retry_after_ms=_RETRY_AFTER_MS)
    if _taken.total() >= MOST:
        raise TooManyUploads(retry_after_ms=_RETRY_AFTER_MS)
    _taken[user_id] += 1
    try:
        yield
    finally:
        _taken[user_id] -= 1
        if not _taken[user_id]:
            del _taken[user_id]
