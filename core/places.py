"""How many of something may go on at once, in all and of one person: a place is taken before it begins.

    uploads = Places("uploads", most=16, most_of_one=4, retry_after_ms=5000, full=TooManyUploads)
    with uploads.take(actor.id): …

On the event loop, and of this process alone: what is limited is its memory, its threads, its connections.
"""

from collections import Counter
from types import TracebackType
from uuid import UUID

from core.errors import RateLimited, Unavailable


class Places:
    """Who comes when all are taken is told when to try again: `full` with `retry_after_ms`."""

    def __init__(self, what: str, *, most: int, most_of_one: int, retry_after_ms: int, full: type[Unavailable]) -> None:
        self.most, self.most_of_one = most, most_of_one
        self._what, self._retry_after_ms, self._full = what, retry_after_ms, full
        self._taken: Counter[UUID] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    def take(self, user_id: UUID) -> "Place":
        """Raises RateLimited for somebody who has as many as one may, `full` when there is none for anybody."""
        if self._taken[user_id] >= self.most_of_one:
            detail = f"At most {self.most_of_one} {self._what} of one person go on at once."
            raise RateLimited(detail, retry_after_ms=self._retry_after_ms)
        if self.taken >= self.most:
            raise self._full(retry_after_ms=self._retry_after_ms)
        self._taken[user_id] += 1
        return Place(self._taken, user_id)


class Place:
    """Somebody's, until it is given back, or to the end of a `with`."""

    def __init__(self, taken: "Counter[UUID]", user_id: UUID) -> None:
        self._taken = taken
        self._user_id: UUID | None = user_id

    def give_back(self) -> None:
        """A repeat does nothing."""
        user_id, self._user_id = self._user_id, None
        if user_id is not None:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()
