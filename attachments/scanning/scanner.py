"""One file on its way to clamd, in a thread of its own, so that an upload never waits for a scanner."""

import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import BinaryIO, cast

from django.conf import settings

from attachments.scanning.breaker import breaker
from attachments.scanning.clamd import CONNECT_TIMEOUT, Conversation, Failure, allowance
from attachments.scanning.verdicts import UNKNOWN, Nonsense, Result, Verdict
from attachments.scanning.zip64 import Zip64Watch
from core import measuring

log = logging.getLogger(__name__)

BLOCK = 65536
AT_ONCE = 16
"""Files that this process shows clamd at the same time. One more is not scanned now, but later (attachments.jobs).

As many as may be uploaded at once (attachments.uploading.places): a file has its place from its first MiB to its end,
and with fewer places two people who send slowly would take everybody else's. clamd spends a thread on a file only once
it has come to its end."""

_QUEUED = 16
_UPLOAD_PATIENCE = 120.0
"""Seconds without a byte after which an upload is taken for dead, as clamd does (its ReadTimeout)."""

_places = threading.BoundedSemaphore(AT_ONCE)
_scans = measuring.counter("scans", "Files that were to be shown to the scanner, by its verdict.", "verdict")


class _Abandoned(Exception):
    """The upload ended without an end: nothing of it is clamd's fault."""


class Scan:
    """Feed it with `write`, then call `finish` or `abort`, from one thread.

    clamd is called as soon as 1 MiB waits for it, or at the end: a small file that trickles in holds none of the
    AT_ONCE places. `write` waits for clamd at most `patience` seconds in all, and raises nothing; a scan that has
    failed swallows the rest.
    """

    def __init__(self, *, patience: float = CONNECT_TIMEOUT) -> None:
        self._patience = patience
        self._wanted = settings.ATTACHMENT_SCANNER == "clamd"
        self._size = 0
        self._held = bytearray()
        self._zip64 = Zip64Watch()
        self._blocks: Queue[bytes] = Queue(_QUEUED)
        self._talk: _Talk | None = None
        self._lost = False

    @property
    def is_over(self) -> bool:
        """Whether the verdict stays the same whatever is written now; it is not CLEAN then."""
        return self._lost or (self._talk is not None and self._talk.is_over)

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if not self._wanted or self.is_over:
            return
        self._zip64.look(data)
        self._held += data
        while len(self._held) >= BLOCK and not self._lost:
            self._put(bytes(self._held[:BLOCK]))
            del self._held[:BLOCK]

    def finish(self) -> Result:
        """The verdict, at most `allowance(size)` seconds later. UNKNOWN when clamd gave none in that time, or none
        that is its own; CLEAN, by no scanner, when ATTACHMENT_SCANNER is none."""
        if not self._wanted:
            return Result(Verdict.CLEAN)
        result = self._finish()
        _scans.inc(result.verdict.value)
        return result

    def _finish(self) -> Result:
        end = time.monotonic() + allowance(self._size)
        self._patience = allowance(self._size)
        self._begin()
        if self._held:
            self._put(bytes(self._held))
        self._put(b"")
        if self._lost or self._talk is None:
            return UNKNOWN
        result = self._talk.result(end)
        if result.verdict is Verdict.CLEAN and self._zip64.has_seen:
            return Result(Verdict.UNSCANNABLE, result.scanner, "ZIP64")
        return result

    def abort(self) -> None:
        """Nobody wants to know any more, and whoever asks all the same hears UNKNOWN. A repeat does nothing."""
        self._lost = True
        self._held.clear()
        if self._talk is not None:
            self._talk.abandon()

    def _put(self, block: bytes) -> None:
        if self._blocks.full():
            self._begin()
        if self.is_over:
            return
        began = time.monotonic()
        try:
            self._blocks.put(block, timeout=max(self._patience, 0.001))
        except Full:
            self._lose()
        self._patience -= time.monotonic() - began

    def _begin(self) -> None:
        """Once. The place comes first: whoever has none must not use up the breaker's leave."""
        if self._talk is not None or self._lost:
            return
        if not _places.acquire(blocking=False):
            self._lose()
        elif not breaker.allows():
            _places.release()
            self._lose()
        else:
            self._start()

    def _start(self) -> None:
        try:
            self._talk = _Talk(self._blocks)
        except RuntimeError as error:  # the machine has no thread left: an upload goes on without
            _places.release()
            self._lose()
            log.error("a scan could not begin (%s)", error)

    def _lose(self) -> None:
        self._lost = True
        self._held.clear()
        if self._talk is not None:
            self._talk.cut()


class _Talk:
    """The thread that talks with clamd; it holds one of the places until it ends."""

    def __init__(self, blocks: "Queue[bytes]") -> None:
        self._blocks = blocks
        self._size = 0
        self._outcome: Future[Result] = Future()
        self._conversation: Conversation | None = None
        self._is_cut = self._is_abandoned = self._came_too_early = False
        # A daemon: the process must be able to end while clamd is silent.
        threading.Thread(target=self._run, name="scan", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._outcome.done()

    def result(self, end: float) -> Result:
        """The verdict, UNKNOWN at `end` (by the monotonic clock) when there is none by then."""
        try:
            return self._outcome.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            self.cut()
            return UNKNOWN

    def cut(self) -> None:
        """clamd has had its time."""
        self._is_cut = True
        if self._conversation is not None:
            self._conversation.cut()

    def abandon(self) -> None:
        if self._is_cut or self.is_over:
            return
        self._is_abandoned = True
        self.cut()
        with suppress(Full):
            self._blocks.put_nowait(b"")  # wakes the thread if that is what it waits for

    def read(self, size: int) -> bytes:
        """For clamav-client, which frames what it gets: whole blocks, and not the 1 KiB it asks for."""
        try:
            block = self._blocks.get(timeout=_UPLOAD_PATIENCE)
        except Empty:
            raise _Abandoned from None
        if self._is_abandoned:
            raise _Abandoned
        self._size += len(block)
        if not block and self._conversation is not None:
            self._came_too_early = self._conversation.has_spoken()
            self._conversation.may_take(allowance(self._size))
        return block

    def _run(self) -> None:
        result = UNKNOWN
        try:
            result = self._ask()
            breaker.succeeded()
        except _Abandoned:
            pass
        except Failure as error:
            if not self._is_abandoned:
                breaker.failed()
                log.warning("clamd gave no verdict (%s)", type(error).__name__)
        except Exception as error:  # a defect here must not hold an upload up
            log.error("a scan failed (%s)", type(error).__name__, exc_info=error)
        finally:
            self._end(result)

    def _ask(self) -> Result:
        with Conversation() as conversation:
            release = conversation.release()
        if release.is_too_old:
            log.error("clamd's database is too old, or of no known date: nothing is called clean")
            return Result(Verdict.UNKNOWN, str(release))
        with Conversation() as self._conversation:
            if self._is_cut:
                raise TimeoutError
            result = self._conversation.examine(cast(BinaryIO, self), str(release))
        if result.verdict is Verdict.CLEAN and self._came_too_early:
            raise Nonsense  # clean is what was looked at to the end
        return result

    def _end(self, result: Result) -> None:
        _places.release()
        self._outcome.set_result(result)
        with suppress(Empty):
            while True:  # whoever waits to write may go on
                self._blocks.get_nowait()


def scan(source: Iterable[bytes]) -> Result:
    """The verdict on all of `source`, which is read no further once there can be none. For the background: it waits
    for clamd as long as the file may take. Whatever `source` raises is raised, and clamd hears no more of it."""
    scan = Scan(patience=allowance(0))
    try:
        for part in source:
            scan.write(part)
            if scan.is_over:
                break
        return scan.finish()
    except BaseException:
        scan.abort()
        raise
