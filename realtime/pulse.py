"""What happens from time to time, whether anybody speaks or not: deadlines, stalled readers, lost announcements."""

import asyncio
import logging
import time

from django.conf import settings

from core import measuring
from realtime import streams, threads
from realtime.hub import Hub
from realtime.protocol import CloseCode
from realtime.session import Session

log = logging.getLogger(__name__)

TICK = 0.25

_lag = measuring.histogram(
    "loop_lag_seconds", "How late the event loop came back to what was due, four times a second."
)
_WINDOW_REST = 60.0
_MOST_HEADS = 1000


class Pulse:
    """The beat of one hub. Belongs to the event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.sessions: set[Session] = set()

    async def run(self) -> None:
        """See to every session that is due and every client that does not read; until cancelled."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            moment = time.monotonic()
            _lag.observe(max(0.0, moment - due))
            for session in [session for session in self.sessions if session.due <= moment]:
                _check(session, moment)
            for socket in [*self._hub.choked]:
                socket.check_stall(moment, settings.STALL_TIMEOUT)
            self._hub.typists.tick(moment)

    async def compare_heads(self) -> None:
        """Ask the database for the heads of all streams here: what nobody announced is found and read."""
        feeds = list(self._hub.feeds.values())
        resting = time.monotonic() - _WINDOW_REST
        for start in range(0, len(feeds), _MOST_HEADS):
            some = feeds[start : start + _MOST_HEADS]
            self._hub.notice(await threads.run(streams.heads, [feed.id for feed in some]))
        for feed in feeds:
            feed.rest(resting)


def _check(session: Session, moment: float) -> None:
    try:
        session.check(moment)
    except Exception as error:  # noqa: BLE001  a defect in one session must not leave the others without deadlines
        log.error("a session failed: %s", type(error).__name__)
        session.socket.close(CloseCode.DEFECT)
