"""How often each declared event was asked, what became of it, and how long that took; the same for every door."""

import asyncio
import time
from types import TracebackType

from core import measuring
from core.database import as_unavailable
from core.errors import AppError

OK, CANCELLED, DEFECT = "ok", "cancelled", "defect"

_events = measuring.counter("events", "What clients asked, by event and by what became of it.", "event", "outcome")
_seconds = measuring.histogram("event_seconds", "From permission to answer, waiting for COMMIT included.", "event")

defects = measuring.counter("defects", "Requests, over HTTP and by socket, that failed for a reason nobody foresaw.")


def outcome_of(error: BaseException | None) -> str:
    """`ok`, the code of the error that was answered, `cancelled` when nobody waited any more, or `defect`."""
    if error is None:
        return OK
    if isinstance(error, asyncio.CancelledError):
        return CANCELLED
    answered = error if isinstance(error, AppError) else as_unavailable(error)
    return DEFECT if answered is None else answered.code


def refused(event: str, error: AppError) -> None:
    """Count something that was refused before it was begun."""
    _events.inc(event, outcome_of(error))


class Measured:
    """`with Measured(event): …` counts it, with what became of it, and how long it took. Errors pass through."""

    __slots__ = ("_began", "_event")

    def __init__(self, event: str) -> None:
        self._event = event

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _seconds.observe(time.perf_counter() - self._began, self._event)
        _events.inc(self._event, outcome_of(error))
