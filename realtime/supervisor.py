"""`serve --workers N`: one process that listens, and N server processes that answer on its socket.

The supervisor opens the socket and never closes it before its end, so a connection always finds somebody: while workers
are replaced it waits in the socket's queue instead of being refused. Workers are new processes, not copies of this one:
threads, connections to the database and an event loop do not survive a fork.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_READY = b"."

_SETTLED = 10.0
"""Seconds after which the end of a worker is an accident and no longer a sign that it cannot live."""

_MOST_FALLS = 5
_LONGEST_PAUSE = 30.0
_START_PATIENCE = 60.0
_STOP_PATIENCE = 29.0
"""Seconds; a worker drains for less, and the promise to whoever stops the service is 30."""


class WorkersFailed(Exception):
    """The workers could not be kept running, or could not be ended in order; the text is for the operator."""


class Worker:
    """A server process on the shared socket; `ready`, `leaving` and `ended` say how far it is.

    Supervisor and worker are tied together by a pair of sockets of which each holds one end. The worker says on it that
    it is ready, and when one process is gone, however it went, the other reads the end of the stream.
    """

    def __init__(self, listener: socket.socket, changed: Callable[["Worker"], None]) -> None:
        self._tether, theirs = socket.socketpair()
        with theirs:
            inherited = [listener.fileno(), theirs.fileno()]
            self.process = subprocess.Popen(  # noqa: S603  the command of this very process
                [sys.executable, *sys.orig_argv[1:], "--inherited", *map(str, inherited)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the supervisor, who tells the others
            )
        self._changed = changed
        self._began = time.monotonic()
        self.ready = self.leaving = False
        self.ended = asyncio.Event()
        self._known = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._tether, self._hear)

    @property
    def fell(self) -> bool:
        """Whether it ended before it was of use, or soon after."""
        return not self.ready or time.monotonic() - self._began < _SETTLED

    async def serves(self, patience: float) -> bool:
        """Wait until it is ready; False when it ended instead, or took longer than so many seconds."""
        try:
            await asyncio.wait_for(self._known.wait(), patience)
        except TimeoutError:
            return False
        return not self.ended.is_set()

    def leave(self, how: signal.Signals) -> None:
        """Tell it to drain; one that does not answer yet has nothing to finish."""
        self.leaving = True
        self.process.send_signal(how if self.ready else signal.SIGTERM)

    def _hear(self) -> None:
        if self._tether.recv(1):
            self.ready = True
        else:
            asyncio.get_running_loop().remove_reader(self._tether)
            self._tether.close()
            self.process.wait()
            self.ended.set()
        self._known.set()
        self._changed(self)


class Supervisor:
    """Keeps `count` workers on `listener`; calls `ready` once, when all of them answer for the first time."""

    def __init__(self, listener: socket.socket, count: int, ready: Callable[[], None]) -> None:
        self._listener, self._count, self._ready = listener, count, ready
        self._workers: set[Worker] = set()
        self._announced = False
        self._falls = 0
        self._stopping = asyncio.Event()
        self._renewal = asyncio.Event()
        self._failure = ""

    def run(self) -> None:
        """Returns when SIGTERM or SIGINT has ended every worker in order; a second SIGINT ends them at once.

        SIGHUP replaces the workers one after the other. Raises WorkersFailed when none can be kept alive, and when one
        had to be killed because it did not end within 29 s.
        """
        asyncio.run(self._run())
        if self._failure:
            raise WorkersFailed(self._failure)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for how in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(how, self._stop, how)
        loop.add_signal_handler(signal.SIGHUP, self._renewal.set)
        self._fill()
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._renew_when_asked())
            await self._stopping.wait()
            renewing.cancel()
        await self._see_them_off()

    def _staying(self) -> list[Worker]:
        return [worker for worker in self._workers if not worker.leaving]

    def _fill(self) -> None:
        """Start as many as are missing."""
        try:
            while not self._stopping.is_set() and len(self._staying()) < self._count:
                self._start()
        except OSError as error:
            log.error("no worker can be started: %s", error.strerror)
            self._fill_later(_LONGEST_PAUSE)

    def _fill_later(self, pause: float) -> None:
        asyncio.get_running_loop().call_later(pause, self._fill)

    def _start(self) -> Worker:
        worker = Worker(self._listener, self._changed)
        self._workers.add(worker)
        return worker

    def _changed(self, worker: Worker) -> None:
        if worker.ended.is_set():
            self._workers.discard(worker)
            if not worker.leaving:
                self._replace(worker)
        elif not self._announced and sum(one.ready for one in self._workers) >= self._count:
            self._announced = True
            self._ready()

    def _replace(self, lost: Worker) -> None:
        log.warning("worker %d ended by itself with status %d", lost.process.pid, lost.process.returncode)
        self._falls = self._falls + 1 if lost.fell else 0
        if self._falls >= _MOST_FALLS and not any(worker.ready for worker in self._workers):
            self._failure = (
                f"The workers end as soon as they start, {self._falls} times in a row, the last with status "
                f"{lost.process.returncode}. What stands above says why."
            )
            self._stop(signal.SIGTERM)
        else:
            self._fill_later(min(_LONGEST_PAUSE, 0.1 * 2**self._falls))

    async def _renew_when_asked(self) -> None:
        while True:
            await self._renewal.wait()
            self._renewal.clear()
            await self._renew()

    async def _renew(self) -> None:
        """One after the other, each only when its successor answers: never fewer than before, never more than one more.

        An old worker gets SIGINT, not SIGTERM: with a successor on the same socket there is no proxy that would have to
        notice first, and the sooner it stops taking connections the better.
        """
        for old in self._staying():
            if old not in self._workers:
                continue
            new = self._start()
            if not await new.serves(_START_PATIENCE):
                log.error("a new worker does not become ready: the workers that are there stay")
                new.leave(signal.SIGTERM)
                return
            old.leave(signal.SIGINT)
            await old.ended.wait()
        self._fill()

    def _stop(self, how: signal.Signals) -> None:
        again = self._stopping.is_set()
        self._stopping.set()
        for worker in self._workers:
            if again or not worker.leaving:
                worker.leave(how)

    async def _see_them_off(self) -> None:
        ends = [asyncio.create_task(worker.ended.wait()) for worker in self._workers]
        if ends:
            await asyncio.wait(ends, timeout=_STOP_PATIENCE)
        for worker in self._workers:
            self._failure = "A worker did not end within 29 s and was killed."
            worker.process.kill()


def tied(descriptor: int) -> Callable[[], None]:
    """In a worker: from now on it drains when the supervisor is gone. Call the result when connections are answered."""
    tether = socket.socket(fileno=descriptor)
    tether.set_inheritable(False)
    threading.Thread(target=_leave_with, args=[tether], name="tether", daemon=True).start()
    return lambda: tether.sendall(_READY)


def _leave_with(tether: socket.socket) -> None:
    tether.recv(1)  # nothing is ever sent this way: it returns when the other end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_PATIENCE)
    os._exit(1)
