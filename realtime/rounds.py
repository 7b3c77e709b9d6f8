"""Whose turn it is: feeds with news hand them on a slice at a time, one after the other."""

import asyncio
from collections import deque

from realtime.feed import Feed

SLICE = 256
"""How many sockets are written to before the loop may do something else: about two milliseconds."""


class Rounds:
    """A large room does not hold the loop, and does not keep small ones waiting for longer than a slice."""

    def __init__(self) -> None:
        self._waiting: deque[Feed] = deque()
        self._running = False

    def add(self, feed: Feed) -> None:
        """Hand on what is new in this feed, at once when nothing else waits."""
        if feed.has_news and not feed.queued:
            feed.queued = True
            self._waiting.append(feed)
        if self._waiting and not self._running:
            self._run()

    def _run(self) -> None:
        self._running = True
        left = SLICE
        while self._waiting and left > 0:
            feed = self._waiting.popleft()
            left -= 1 + feed.advance(left)
            feed.queued = feed.has_news
            if feed.queued:
                self._waiting.append(feed)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        else:
            self._running = False
