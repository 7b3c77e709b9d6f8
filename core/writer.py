"""Group commit: whatever waits while the last transaction runs is stored in the next one.

One thread with its own database connection takes every waiting draft, stores them together and answers each after
COMMIT. There is no timer: under load groups grow by themselves, alone a draft is stored at once. The thread stands
outside the pool that serves requests, so that requests waiting for a commit can never starve the commit itself.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError, connection

from core import measuring
from core.database import as_unavailable
from core.errors import AppError, DatabaseUnavailable, Draining, StorageFull, Unavailable

log = logging.getLogger(__name__)

_groups = measuring.histogram(
    "writer_group_size", "How many drafts one COMMIT served.", "writer", buckets=measuring.SIZES
)
_seconds = measuring.histogram("writer_seconds", "How long a group took, COMMIT included.", "writer")
_writers: "WeakSet[GroupWriter]" = WeakSet()


@dataclass(eq=False)
class Draft:
    """Something that waits to be stored. `outcome` is its result, or the AppError that refuses it."""

    waiter: "Waiter | None" = field(default=None, init=False, repr=False)
    outcome: Any = field(default=None, init=False, repr=False)


Waiter = Future[Any] | asyncio.Future[Any]
"""Who waits for a draft: a thread or a coroutine."""

Store = Callable[[Sequence[Any]], None]
"""Stores drafts of one kind inside one transaction of its own making and sets each one's `outcome`.

It raises only when nothing was stored; drafts it refuses get an AppError as outcome and do not disturb the others.
"""


class GroupWriter:
    """A writer of this process. Thread-safe; started on first use, ended by `stop`.

    It stores up to `most` drafts at once. A coroutine whose draft is in no group within `patience` seconds is told so
    (DatabaseUnavailable), and the draft is dropped; without it everybody waits.
    """

    def __init__(self, store: Store, *, most: int = 200, patience: float | None = None, name: str = "writer") -> None:
        self._store, self._most, self._patience, self._name = store, most, patience, name
        self._waiting: list[Draft] = []
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        _writers.add(self)

    def submit(self, draft: Draft) -> "Future[Any]":
        """Queue a draft. The future ends after COMMIT with the draft's outcome, or with its AppError."""
        future: Future[Any] = Future()
        self._queue(draft, future)
        return future

    def _queue(self, draft: Draft, waiter: Waiter) -> None:
        draft.waiter = waiter
        with self._wake:
            if self._stopping:
                raise Draining()
            self._waiting.append(draft)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._wake.notify()

    @property
    def name(self) -> str:
        return self._name

    @property
    def waiting(self) -> int:
        """How many drafts are not taken into a group yet."""
        return len(self._waiting)

    async def store(self, draft: Draft) -> Any:
        """Submit and await the outcome. Giving up waiting does not undo the draft: it may be stored all the same."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Any] = loop.create_future()
        self._queue(draft, waiter)
        if self._patience is None:
            return await waiter
        end = loop.call_later(self._patience, self._drop, draft, waiter)
        try:
            return await waiter
        finally:
            end.cancel()

    def _drop(self, draft: Draft, waiter: "asyncio.Future[Any]") -> None:
        with self._wake:
            if draft not in self._waiting:
                return
            self._waiting.remove(draft)
        if not waiter.done():
            waiter.set_exception(DatabaseUnavailable("Too many requests wait for the database."))

    def stop(self, timeout: float = 5.0) -> None:
        """Store what waits, then end the thread. Drafts submitted later raise Draining; a repeat does nothing."""
        with self._wake:
            self._stopping = True
            thread = self._thread
            self._wake.notify()
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        try:
            while group := self._next_group():
                self._store_group(group)
        finally:
            connection.close()

    def _next_group(self) -> list[Draft]:
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            return group

    def _store_group(self, group: list[Draft]) -> None:
        began = time.perf_counter()
        try:
            self._store(group)
        except Exception as error:  # noqa: BLE001  the writer outlives every draft; each gets its own error
            self._store_each_alone(group, error)
        _answer(group)
        _groups.observe(len(group), self._name)
        _seconds.observe(time.perf_counter() - began, self._name)

    def _store_each_alone(self, group: list[Draft], error: Exception) -> None:
        """One draft that cannot be stored must not take the others with it. For want of room even a single one is tried
        again: whoever finds none makes some."""
        unavailable = _connection_lost()
        if unavailable or (len(group) == 1 and not _is_for_want_of_room(error)):
            for draft in group:
                draft.outcome = unavailable or _as_app_error(error)
            return
        for draft in group:
            try:
                self._store([draft])
            except Exception as alone:  # noqa: BLE001  as above
                draft.outcome = _connection_lost() or _as_app_error(alone)


def _is_for_want_of_room(error: Exception) -> bool:
    return isinstance(error if isinstance(error, AppError) else as_unavailable(error), StorageFull)


def _connection_lost() -> Unavailable | None:
    """Why there is no database just now, asked once for a whole group: each try can take as long as the pool waits."""
    connection.close_if_unusable_or_obsolete()
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return as_unavailable(error)
    return None


def _answer(group: Iterable[Draft]) -> None:
    """Coroutines of one loop are told together: a call into the loop for each would be a wake-up for each."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[Draft]] = defaultdict(list)
    for draft in group:
        if isinstance(draft.waiter, asyncio.Future):
            by_loop[draft.waiter.get_loop()].append(draft)
        else:
            _settle([draft])
    for loop, drafts in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile, and whoever waited is gone with it
            loop.call_soon_threadsafe(_settle, drafts)


def _settle(drafts: Iterable[Draft]) -> None:
    for draft in drafts:
        if draft.waiter is None or draft.waiter.done():
            continue  # whoever waited has given up
        if isinstance(draft.outcome, BaseException):
            draft.waiter.set_exception(draft.outcome)
        else:
            draft.waiter.set_result(draft.outcome)


def _as_app_error(error: Exception) -> BaseException:
    if isinstance(error, AppError):
        return error
    if unavailable := as_unavailable(error):
        return unavailable
    log.error("a draft could not be stored: %s", type(error).__name__)
    return error


measuring.gauge(
    "writer_waiting",
    "Drafts that are in no group yet.",
    lambda: {writer.name: writer.waiting for writer in [*_writers]},
    label="writer",
)
