"""What runs beside the sockets of a server process, from its first moment to its last."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from functools import partial

from django.conf import settings

from audit import reserve
from core import jobs
from core.errors import AppError
from realtime import announce, draining, revocation, threads
from realtime.catchup import CatchUp
from realtime.hub import hub
from realtime.leases import leases
from realtime.pokes import pokes
from realtime.polling import Poll
from realtime.pulse import Pulse

log = logging.getLogger(__name__)

_WORKER_PATIENCE = 2.0


class Running:
    """The tasks of one event loop and, in the embedded default, the worker's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.catchup, self.pulse, self.poll = CatchUp(hub), Pulse(hub), Poll(hub)
        self._stop_work = threading.Event()
        self._worker: threading.Thread | None = None
        hub.bind(loop, self.catchup)
        leases.bind(loop)
        announce.coalescing.bind(loop)
        self._tasks = [
            loop.create_task(_for_ever(self.catchup.run)),
            loop.create_task(_for_ever(self.pulse.run)),
            loop.create_task(_for_ever(self.poll.run)),
            loop.create_task(_for_ever(leases.run)),
            loop.create_task(_for_ever(hub.presence.run)),
            loop.create_task(_for_ever(partial(_every, "HEARTBEAT", self.pulse.compare_heads))),
            loop.create_task(_for_ever(partial(_every, "SWEEP_INTERVAL", partial(revocation.sweep, hub)))),
            # Here and not in a worker: while none lives, sending has to come back all the same.
            loop.create_task(_for_ever(partial(_every, "SWEEP_INTERVAL", partial(threads.run, reserve.tend)))),
        ]
        if settings.REDIS_URL:
            pokes.bind(loop, self.poll.soon)
            self._tasks += [loop.create_task(_for_ever(work)) for work in (pokes.send, pokes.receive)]
        if settings.EMBEDDED:
            self._worker = threading.Thread(target=jobs.run_loop, args=[self._stop_work], name="worker", daemon=True)
            self._worker.start()

    async def stop(self) -> None:
        self._stop_work.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.catchup.stop()
        await hub.presence.stop()
        leases.bind(None)
        announce.coalescing.bind(None)
        hub.unbind()
        if settings.REDIS_URL:
            await pokes.close()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.join, _WORKER_PATIENCE)


_running: Running | None = None


async def start() -> None:
    """Begin, at the start of the server; under a server without lifespan the first socket does it. A repeat does
    nothing."""
    global _running
    loop = asyncio.get_running_loop()
    if _running is None or _running.loop is not loop:
        draining.reset()
        _running = Running(loop)


async def stop() -> None:
    """End what `start` began. The sockets are closed by then. A repeat does nothing."""
    global _running
    running, _running = _running, None
    if running is not None:
        await running.stop()


def catchup() -> CatchUp:
    return _present().catchup


def pulse() -> Pulse:
    return _present().pulse


def loop() -> asyncio.AbstractEventLoop:
    return _present().loop


def _present() -> Running:
    if _running is None:
        raise RuntimeError("nothing runs: call lifespan.start() first")
    return _running


async def _every(setting: str, action: Callable[[], Awaitable[None]]) -> None:
    """While the database is away it is put off until the next time."""
    while True:
        await asyncio.sleep(getattr(settings, setting))
        try:
            await action()
        except AppError as error:
            log.warning("what happens every %s was put off: %s", setting, error.code)


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  a defect here must not leave all sockets without deadlines
            log.error("a background task failed and begins again: %s", type(error).__name__)
            await asyncio.sleep(1.0)
