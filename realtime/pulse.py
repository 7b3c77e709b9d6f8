"""What happens from time to time, whether anybody speaks or not: deadlines, stalled readers, lost announcements."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from django.conf import settings

from core.errors import AppError
from realtime import streams, threads
from realtime.hub import Hub
from realtime.session import Session

log = logging.getLogger(__name__)

TICK = 0.25
_WINDOW_REST = 60.0
_MOST_HEADS = 1000


class Pulse:
    """The beat of one hub. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.sessions: set[Session] = set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._tick_for_ever(), _every(lambda: settings.HEARTBEAT, self.compare_heads))

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.tick(time.monotonic())

    def tick(self, moment: float) -> None:
        """See to every session that is due and every client that does not read."""
        for session in [session for session in self.sessions if session.due <= moment]:
            session.check(moment)
        for socket in [*self._hub.choked]:
            socket.check_stall(moment, settings.STALL_TIMEOUT)

    async def compare_heads(self) -> None:
        """Ask the database for the heads of all streams here: what nobody announced is found and read."""
        feeds = list(self._hub.feeds.values())
        resting = time.monotonic() - _WINDOW_REST
        for start in range(0, len(feeds), _MOST_HEADS):
            some = feeds[start : start + _MOST_HEADS]
            self._hub.notice(await threads.run(streams.heads, [feed.id for feed in some]))
        for feed in feeds:
            feed.rest(resting)


async def _every(interval: Callable[[], float], action: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(interval())
        try:
            await action()
        except AppError as error:
            log.warning("%s was put off: %s", action.__name__, error.code)
