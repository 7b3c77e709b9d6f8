"""Whether this process is on its way out. Readiness and every door that starts something new ask here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from core.errors import Draining

_draining = Event()
_refusing = Event()
_working = 0
_waiter: "asyncio.Future[None] | None" = None


def begin() -> None:
    """From now on readiness answers 503 and no new sockets are let in; a repeat does nothing. Who is here is served."""
    _draining.set()


def take_no_more() -> None:
    """From now on new requests of sockets are refused as well: everybody has been told to go."""
    _refusing.set()


def is_on() -> bool:
    return _draining.is_set()


def refuse() -> None:
    """Raises Draining once `take_no_more` was called."""
    if _refusing.is_set():
        raise Draining()


@contextmanager
def working() -> Iterator[None]:
    """Around what should be finished and answered before the process goes. On the event loop only."""
    global _working
    _working += 1
    try:
        yield
    finally:
        _working -= 1
        if not _working and _waiter is not None and not _waiter.done():
            _waiter.set_result(None)


async def answered(longest: float) -> None:
    """Wait until all such work is done, but no longer than so many seconds."""
    global _waiter
    if _working:
        _waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait([_waiter], timeout=max(0.0, longest))


def reset() -> None:
    """For tests, which outlive the servers they start."""
    _draining.clear()
    _refusing.clear()
