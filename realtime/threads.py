"""The one bridge from async code to the database: a bounded pool of threads with a gate before it.

Without the gate every caller would queue without end while the database is slow; with it a caller that waits longer
than two seconds is told so, and can tell its client when to try again.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core import measuring
from core.database import as_unavailable
from core.errors import DatabaseUnavailable

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_WAIT = 2.0

LONGEST_HOLD = 1.0
"""Seconds for which a thread uses the same connection before it takes one anew. Each time it is asked whether it is
still alive, a trip to the server, which every request would pay for otherwise, and some twice."""

_waited = measuring.histogram(
    "database_wait_seconds", "How long a request waited for a thread that may use the database."
)
_turned_away = measuring.counter("database_refused", "Requests that found no such thread within two seconds.")

# A semaphore belongs to one event loop; a process has more than one only where tests run servers in threads.
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of `function`, run in a thread that may use the database.

    Raises DatabaseUnavailable when no thread was free for two seconds or the database is away, else what `function`
    raises. Giving up waiting does not undo the call: once begun it ends by itself.
    """
    gate = _gate()
    await _enter(gate)
    work = partial(function, *args, **kwargs)
    call = asyncio.get_running_loop().run_in_executor(_pool(), copy_context().run, _work, work)
    # A thread cannot be stopped. Who gives up waiting leaves it at work, and it keeps its place until it is done: else
    # clients that ask and go away would fill the pool past the gate.
    call.add_done_callback(partial(_leave, gate))
    return await asyncio.shield(call)


def _work(function: Callable[[], R]) -> R:
    """In a thread of the pool. What Channels' database_sync_to_async does, at a third of its cost."""
    _give_back(after=LONGEST_HOLD)
    try:
        return function()
    except (OperationalError, InterfaceError) as error:
        raise as_unavailable(error) or error from None
    finally:
        if connection.errors_occurred or connection.in_atomic_block:
            _give_back(after=0.0)


def _give_back(*, after: float) -> None:
    """Let the next one who needs it have this thread's connection, if it was taken so many seconds ago."""
    # CONN_MAX_AGE is 0, so Django has put into `close_at` when this one was taken.
    if connection.connection is not None and time.monotonic() - (connection.close_at or 0.0) >= after:
        connection.close()


def _leave(gate: asyncio.Semaphore, call: "asyncio.Future[Any]") -> None:
    gate.release()
    if not call.cancelled():
        call.exception()  # looked at: whoever asked may be gone, and its failure is nobody's


async def _enter(gate: asyncio.Semaphore) -> None:
    if not gate.locked():
        await gate.acquire()
        _waited.observe(0.0)
        return
    began = time.monotonic()
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            await gate.acquire()
        _waited.observe(time.monotonic() - began)
    except TimeoutError:
        _turned_away.inc()
        raise DatabaseUnavailable("Too many requests wait for the database.") from None


def _gate() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _gates:
        _gates[loop] = asyncio.Semaphore(settings.DATABASE_THREADS)
    return _gates[loop]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")
