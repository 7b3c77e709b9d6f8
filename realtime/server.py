"""uvicorn with an orderly end: `manage.py serve`.

By itself uvicorn closes every socket within a tenth of a second of SIGTERM, before the application hears of it. Here
the process first stops being ready, then stops listening, tells its clients when to come back, answers what was asked
of it, and closes them little by little, so that the processes that remain are not run over. All of it ends within
30 seconds (delivery goes on elsewhere: what a client has missed meanwhile it gets by resuming).
"""

import asyncio
import gc
import random
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings

from audit import writer
from realtime import draining, protocol
from realtime.direct import DirectProtocol
from realtime.http import BoundedHttp
from realtime.hub import hub
from realtime.protocol import CloseCode
from realtime.sockets import Socket

NOTICE = 1.0
"""Seconds in which readiness already answers 503 while connections are still accepted, so that proxies can see it."""

FINISH = 5.0
"""Seconds for what was asked before to be finished and answered."""

_CLOSED_BY = 17.0
"""Seconds until the last socket is told to be back: what may take longer before and after fits into 30."""

_LAST_WORDS = 0.5
_GRACE = 2
_CLOSES_PER_SECOND = 100


def configuration(application: Any, host: str, port: int) -> uvicorn.Config:
    """The one way Parley is served; each line was measured or is a limit."""
    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHttp,
        ws=DirectProtocol,
        ws_max_size=settings.MAX_FRAME,
        # Parley has a heartbeat of its own.
        ws_ping_interval=None,
        # A few KiB of deflated zeros would become gigabytes.
        ws_per_message_deflate=False,
        lifespan="on",
        # Django's LOGGING decides; request lines would put addresses of conversations into a log.
        log_config=None,
        access_log=False,
        # Its warnings are about what clients send, and anybody can send any amount of it.
        log_level="error",
        server_header=False,
        # `X-Forwarded-For` counts as far as TRUSTED_PROXIES says, and is read where it is needed.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )


class Server(uvicorn.Server):
    """`run()` returns after SIGTERM or SIGINT once everything is closed; a second SIGINT ends it at once.

    `ready` is called when connections are answered.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._hurried = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()
        # Each message makes hundreds of objects that live for a moment. Looking through them after every 700, as Python
        # does by itself, took 5 % of the time.
        gc.set_threshold(20_000, 10, 50)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if not self.force_exit:
            await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        begin = time.monotonic()
        draining.begin()
        if hub.sockets and not self._hurried:
            await asyncio.sleep(NOTICE)
        for listener in self.servers:
            listener.close()
        await self._answer_requests(begin + NOTICE + FINISH)
        leaving = self._say_goodbye(begin + _CLOSED_BY)
        if leaving:
            # What they said before they heard it is stored like everything else.
            await asyncio.sleep(_LAST_WORDS)
        draining.take_no_more()
        await draining.answered(FINISH)
        await asyncio.to_thread(writer.stop, FINISH)
        await self._close(leaving)

    async def _answer_requests(self, until: float) -> None:
        """Before anything is taken away from them, requests over HTTP are answered and their connections closed.

        A connection that was let in a moment ago and has not asked yet would be cut off without an answer: it has a
        second for that.
        """
        heard = time.monotonic() + NOTICE
        while open_ones := [one for one in self.server_state.connections if isinstance(one, BoundedHttp)]:
            if time.monotonic() > until:
                return
            for one in open_ones:
                if time.monotonic() > heard or not one.awaits_head:
                    one.shutdown()  # at once when it is idle, otherwise after the answer
            await asyncio.sleep(0.01)

    def _say_goodbye(self, until: float) -> list[tuple[float, Socket]]:
        """Tell every client when to come back; returns that with each, the soonest first."""
        waiting = [*hub.sockets]
        spread = min(settings.DRAIN_SPREAD, len(waiting) / _CLOSES_PER_SECOND, max(0.0, until - time.monotonic()))
        leaving = sorted(((random.uniform(0, spread), one) for one in waiting), key=lambda pair: pair[0])  # noqa: S311
        for delay, one in leaving:
            one.send(protocol.encode({"type": "drain", "reconnectInMs": int(delay * 1000)}))
        return leaving

    async def _close(self, leaving: list[tuple[float, Socket]]) -> None:
        """Close each one when it was told to come back: by then nothing of it is unanswered."""
        begin = time.monotonic()
        for delay, one in leaving:
            if self.force_exit:
                return
            await asyncio.sleep(max(0.0, begin + delay - time.monotonic()))
            one.close(CloseCode.RESTART)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn raises the signal again at the end, and the process would die of it; a drained one ends with 0."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Somebody at a terminal has no proxy that would have to notice first.
        self._hurried = self._hurried or sig == signal.SIGINT
        super().handle_exit(sig, frame)
