"""How many downloads there may be at once: each holds about a MiB of memory for as long as its client takes.

An answer of one part needs no place: it holds no more than any other answer, and the thumbnails of a page, which a
browser asks for all at once, are such.
"""

from collections import Counter
from uuid import UUID

from core.errors import RateLimited, Unavailable

MOST = 64
MOST_OF_ONE = 6
"""Of one person: as many as a browser makes to one server over HTTP/1.1."""

_RETRY_AFTER_MS = 2000

_taken: Counter[UUID] = Counter()


class TooManyDownloads(Unavailable):
    code, title = "overloaded", "Too many downloads go on at once."


class Place:
    """One download's, from its making until it is given back. On the event loop."""

    def __init__(self, user_id: UUID) -> None:
        """Raises RateLimited or TooManyDownloads when there is none."""
        if _taken[user_id] >= MOST_OF_ONE:
            detail = f"At most {MOST_OF_ONE} downloads of one person go on at once."
            raise RateLimited(detail, retry_after_ms=_RETRY_AFTER_MS)
        if _taken.total() >= MOST:
            raise TooManyDownloads(retry_after_ms=_RETRY_AFTER_MS)
        _taken[user_id] += 1
        self._user_id: UUID | None = user_id

    def give_back(self) -> None:
        """A repeat does nothing."""
        user_id, self._user_id = self._user_id, None
        if user_id is not None:
            _taken[user_id] -= 1
            if not _taken[user_id]:
                del _taken[user_id]
