"""Announcements of progress, thinned out: the first at once, those of the next half second merged into the last.

Somebody who scrolls through fifty messages marks each of them as read, and the others need only know how far they got.
"""

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

from realtime.inbox import Inbox

WINDOW = 0.5
"""Seconds."""

MOST = 10_000
"""With so many open windows announcements go out as they come: memory is bounded, not what is said."""


class Progress(NamedTuple):
    """Something has got as far as `seq`. `what` is whose progress in what; `args` say it."""

    what: Hashable
    seq: int
    args: tuple[Any, ...]


class _Window:
    """Half a second after something was said: up to where that was, and what is to be said next."""

    __slots__ = ("said", "waiting")

    def __init__(self, said: int) -> None:
        self.said = said
        self.waiting: Progress | None = None

    def take(self, progress: Progress) -> None:
        if progress.seq > (self.waiting.seq if self.waiting else self.said):
            self.waiting = progress


class Coalescing:
    """That of one process. `put` may be called from any thread; without `bind` it does nothing."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._inbox = Inbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._windows: dict[Hashable, _Window] = {}

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on it is said from this loop; None stops it, and forgets what waits."""
        self._inbox.bind(loop)
        self._loop = loop
        self._windows.clear()

    def put(self, progress: Progress) -> None:
        """Call `say(*args)`: now, or with the end of the window, unless something has got further by then."""
        self._inbox.put(partial(self._take, progress))

    def _take(self, progress: Progress) -> None:
        window = self._windows.get(progress.what)
        if window is not None:
            window.take(progress)
        else:
            self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        self._say(*progress.args)
        if self._loop is not None and len(self._windows) < MOST:
            window = self._windows[progress.what] = _Window(progress.seq)
            self._loop.call_later(WINDOW, self._close, progress.what, window)

    def _close(self, what: Hashable, window: _Window) -> None:
        # Not one of before a restart, whose timer still ran.
        if self._windows.get(what) is window:
            del self._windows[what]
            if window.waiting is not None:
                self._tell(window.waiting)
