"""Reading the database for the hub: heads of new feeds, events that a feed has missed, pages for sockets far behind.

Everything asked at the same time is read together. While the database does not answer nothing is lost: the feeds and
the sockets stay where they are and the same is asked again.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error

from core.errors import AppError, DatabaseUnavailable, Unavailable
from realtime import protocol, streams, threads, wiring
from realtime.feed import Feed
from realtime.hub import Hub
from realtime.protocol import CloseCode
from realtime.published import Published
from realtime.sockets import Read, Socket, Stretch

log = logging.getLogger(__name__)

GRACE = 0.02
"""Seconds in which a gap usually closes by itself: the thread that committed the missing event is about to say so."""

RETRY = 1.0
_MOST_FEEDS = 20
_PAGE = 200


class CatchUp:
    """The reader of one hub. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._new: set[Feed] = set()
        self._gaps: set[Feed] = set()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # Replays take at most half of the threads: a thousand clients coming back must not stop those who are here.
        self._replays = asyncio.Semaphore(max(1, settings.DATABASE_THREADS // 2))

    def settle(self, feed: Feed) -> None:
        """Find out where this feed's stream is."""
        self._new.add(feed)
        self._wake.set()

    def close_gap(self, feed: Feed, *, at_once: bool = False) -> None:
        """Read what this feed has missed, unless it comes by itself in a moment."""
        if at_once:
            self._add_gap(feed)
        else:
            asyncio.get_running_loop().call_later(GRACE, self._add_gap, feed)

    def read_for(self, socket: Socket, stretches: Sequence[Stretch]) -> None:
        """Read these events, at most 200 together, and hand them to the socket."""
        self._start(self._replay(socket, stretches))

    def look_again(self, feed: Feed) -> None:
        """What members see of this stream has changed: read from where each of them sees it."""
        self._start(self._resight(feed))

    async def known(self, feeds: Iterable[Feed]) -> None:
        """Wait until the heads of all these feeds are known."""
        for feed in feeds:
            while feed.window is None:
                await self._settled.wait()

    async def run(self) -> None:
        """Settle feeds and close gaps as they come up, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._read_what_is_missing()
            except AppError as error:
                log.warning("reading what is missing waits for the database: %s", error.code)
                await self._try_again()
            except Exception as error:  # noqa: BLE001  one bad event must not end reading for everybody
                # The class only: the text of a database error may quote what was read.
                log.error("events could not be read: %s", type(error).__name__)
                await self._try_again()

    async def _try_again(self) -> None:
        await asyncio.sleep(RETRY)
        self._wake.set()

    async def stop(self) -> None:
        """End the reads for sockets that still run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_what_is_missing(self) -> None:
        while new := {feed for feed in self._new if feed.window is None}:
            heads = await threads.run(streams.heads, [feed.id for feed in new])
            for feed in new:
                self._hub.settled(feed, heads.get(feed.id, 0))
            self._new -= new
            # Everybody who waits looks again, and waits again for what is not there yet.
            self._settled.set()
            self._settled.clear()
        while gaps := [feed for feed in self._gaps if feed.gap][:_MOST_FEEDS]:
            await self._close_each(gaps)
        self._gaps.clear()

    async def _close_each(self, gaps: Sequence[Feed]) -> None:
        """Close these gaps together; where that fails one by one, and leave out the one that cannot be closed."""
        try:
            await self._close(gaps)
        except AppError:
            raise
        except Exception as error:  # noqa: BLE001  one bad event must not end reading for everybody
            if len(gaps) > 1:
                for feed in gaps:
                    await self._close_each([feed])
            else:
                # The class only: the text of a database error may quote what was read.
                log.error("the events of a conversation could not be read: %s", type(error).__name__)
                self._gaps.discard(gaps[0])

    async def _close(self, gaps: Sequence[Feed]) -> None:
        spans = [(feed.id, feed.window.last, feed.known) for feed in gaps if feed.window is not None]
        events = await threads.run(_load, spans, _PAGE)
        feeds = {feed.id: feed for feed in gaps}
        for event, frame in events:
            self._hub.hand(feeds[event.stream_id], event, frame)
        if not events:
            raise DatabaseUnavailable("Events are missing that were announced.")

    async def _replay(self, socket: Socket, stretches: Sequence[Stretch]) -> None:
        spans = [(feed.id, after, up_to) for feed, after, up_to in stretches]
        try:
            async with self._replays:
                events = await threads.run(_load, spans, _PAGE)
        except (Unavailable, Error) as error:
            log.warning("a replay waits for the database: %s", type(error).__name__)
            self._start(self._repeat(socket, stretches))
        except Exception as error:  # noqa: BLE001  a defect closes this socket and is logged by its class
            log.error("a replay failed: %s", type(error).__name__)
            socket.close(CloseCode.DEFECT)
        else:
            page: dict[UUID, list[Read]] = defaultdict(list)
            for event, frame in events:
                page[event.stream_id].append(Read(event.seq, frame, event.leaver, event.veil))
            socket.take_page(stretches, page)

    async def _repeat(self, socket: Socket, stretches: Sequence[Stretch]) -> None:
        await asyncio.sleep(RETRY * (0.5 + random.random()))  # noqa: S311  spreads repeats, keeps no secret
        if not socket.closed:
            await self._replay(socket, stretches)

    async def _resight(self, feed: Feed) -> None:
        while not feed.empty:
            try:
                self._hub.resight(feed, await threads.run(wiring.sights, feed.id))
                return
            except AppError as error:
                log.warning("reading who sees what waits for the database: %s", error.code)
                await asyncio.sleep(RETRY)

    def _add_gap(self, feed: Feed) -> None:
        if feed.gap and not feed.empty:
            self._gaps.add(feed)
            self._wake.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _load(spans: Sequence[tuple[UUID, int, int]], limit: int) -> list[tuple[Published, bytes]]:
    """In a database thread: the events of these spans, rendered and encoded."""
    rows = streams.read(spans, limit)
    events = [Published(row.stream_id, row.seq, frame) for row, frame in zip(rows, streams.frames(rows), strict=True)]
    return [(event, protocol.encode(event.frame)) for event in events]
