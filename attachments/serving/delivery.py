"""The bytes of a file on their way out: read from the storage, opened and sent a few chunks at a time.

The first part is opened before the answer begins, so that what is wrong from the start has an answer of its own. What
is found later can only cut the answer off, which a client notices by its length; no byte of a chunk that does not open
is ever sent. Storage and cipher run in threads of their own, so a slow storage slows downloads and nothing else; those
threads never use the database, whose connections they would keep.

What a download holds it holds for as long as its client takes. So there are only so many at once (`downloads`), each
holds little, and a client has to take it at the least speed that uploads have too.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from itertools import islice
from typing import Any, Self

from django.conf import settings

from attachments.opening import StoredFile
from attachments.refusals import Altered
from attachments.serving.links import Link
from attachments.serving.places import downloads
from attachments.serving.ranges import Asked
from attachments.serving.telling import UNDECRYPTABLE, tell
from attachments.serving.uses import Use
from attachments.storage import ObjectGone
from core.errors import AppError
from core.places import Place
from encryption.files import CHUNK
from encryption.formats import Undecryptable
from realtime import threads

log = logging.getLogger(__name__)

CHUNKS_AT_ONCE = 2
"""128 KiB: as much is opened by one visit to a thread. On its way into the socket is one chunk of 64 KiB at a time."""

FIRST_CHUNKS = 4
"""256 KiB: as much is opened before the answer begins, so that what is wrong in there can still be said."""

PATIENCE = 60.0
SLOWEST = 16 * 1024
"""Bytes per second that a client has to take on the whole, after PATIENCE seconds. Only the time counts in which it is
waited for."""

_THREADS = 8


class Delivery:
    """The bytes that were asked for, as an asynchronous iterator. `begin` first, `close` in any case.

    While it lasts, `check` is called every SWEEP_INTERVAL seconds, as for sockets: it raises when the person may not
    have the file any more, and then the rest is not sent.
    """

    def __init__(self, link: Link, use: Use, asked: Asked, check: Callable[[], object]) -> None:
        self._link, self._use, self._asked, self._check = link, use, asked, check
        self._place: Place | None = None
        self._parts: Iterator[bytes] = iter(())
        self._ready: deque[bytes] = deque()
        self._clock = asyncio.get_running_loop().time
        self._checked_at = self._clock()
        self._given, self._given_at, self._waited = 0, self._clock(), 0.0
        self._is_closed = False

    async def begin(self) -> None:
        """Open the first part. Raises RateLimited, TooManyDownloads, Altered (recorded) and StorageUnavailable."""
        if self._asked.length > CHUNK:
            self._place = downloads.take(self._use.actor.id)
        self._ready += await self._in_thread(self._open)
        self._given_at = self._clock()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self._require_speed()
        if not self._ready:
            self._ready += await self._next_chunks()
        if not self._ready:
            raise StopAsyncIteration
        part = self._ready.popleft()
        self._given += len(part)
        self._given_at = self._clock()
        return part

    def _require_speed(self) -> None:
        """Raises TimeoutError for a client that takes too little: like one that takes nothing, it is cut off."""
        self._waited += self._clock() - self._given_at
        if self._waited > PATIENCE + self._given / SLOWEST:
            raise TimeoutError

    async def _next_chunks(self) -> list[bytes]:
        try:
            await self._check_now_and_then()
            return await self._in_thread(partial(self._take, CHUNKS_AT_ONCE))
        except AppError as error:
            log.warning("a download was cut off: %s", error.code)
            raise

    async def _check_now_and_then(self) -> None:
        moment = self._clock()
        if moment - self._checked_at >= settings.SWEEP_INTERVAL:
            self._checked_at = moment
            await threads.run(self._check)

    async def _in_thread(self, work: Callable[[], list[bytes]]) -> list[bytes]:
        try:
            return await asyncio.get_running_loop().run_in_executor(_pool(), work)
        except (Undecryptable, ObjectGone):
            # Taken away a moment ago, with its message, is not altered: then this says so.
            await threads.run(self._check)
            await tell(self._link, self._use.actor, self._use.attachment, UNDECRYPTABLE, often=True)
            raise Altered from None

    def close(self) -> None:
        """Let go of what has not been asked for, and of the place. On the event loop; a repeat does nothing."""
        self._is_closed = True
        self._ready.clear()
        self._let_go()
        if self._place is not None:
            self._place.give_back()

    # ---- In a thread -------------------------------------------------------------------------------------------------

    def _open(self) -> list[bytes]:
        file = StoredFile(self._use.sealed)
        self._parts = file.parts(self._asked.start, self._asked.stop)
        return self._take(FIRST_CHUNKS)

    def _take(self, count: int) -> list[bytes]:
        chunks = [chunk for chunk in islice(self._parts, count) if chunk]
        if self._is_closed:
            self._let_go()
        return chunks

    def _let_go(self) -> None:
        close: Any = getattr(self._parts, "close", None)
        if close is not None:
            with suppress(ValueError):  # a thread is just reading, and sees it afterwards
                close()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="download")
