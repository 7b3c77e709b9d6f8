"""Blocks of bytes from the event loop to one thread: a few at a time, so that neither fills the memory for the other.

The loop puts and may have to wait; the thread gets and may have to wait. Either can give up, and the other hears of it.
"""

import asyncio
import threading
from collections import deque
from contextlib import suppress

MOST_BYTES = 256 * 1024
"""How much may wait before whoever puts has to wait. One block more than that fits in."""


class Aborted(Exception):
    """The file will not be whole."""


class Pipe:
    """Made on the event loop that puts; got from by one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._blocks: deque[bytes] = deque()
        self._size = 0
        self._room: asyncio.Future[None] | None = None
        self._has_ended = self._is_aborted = self._is_left = False

    # ---- On the event loop -------------------------------------------------------------------------------------------

    async def put(self, block: bytes) -> bool:
        """Hand on a block, which is not empty, and wait until there is room for another. False when nobody takes any
        more."""
        with self._changed:
            if self._is_left:
                return False
            self._blocks.append(block)
            self._size += len(block)
            self._changed.notify()
            if self._size < MOST_BYTES:
                return True
            room = self._room = self._loop.create_future()
        await room
        return not self._is_left

    def end(self) -> None:
        """That was all of it."""
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def abort(self) -> None:
        """Nothing more comes, and what came is not the whole. A repeat, or after the thread has left: nothing."""
        with self._changed:
            self._is_aborted = True
            self._changed.notify()

    # ---- In the thread -----------------------------------------------------------------------------------------------

    def get(self) -> bytes:
        """The next block, b"" behind the last; raises Aborted."""
        with self._changed:
            while not (self._blocks or self._has_ended or self._is_aborted):
                self._changed.wait()
            if self._is_aborted:
                raise Aborted
            block = self._blocks.popleft() if self._blocks else b""
            self._size -= len(block)
            if self._size < MOST_BYTES:
                self._tell()
        return block

    def leave(self) -> None:
        """Take no more: whoever puts need not go on."""
        with self._changed:
            self._is_left = True
            self._blocks.clear()
            self._tell()

    def _tell(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                self._loop.call_soon_threadsafe(_fulfil, room)


def _fulfil(room: "asyncio.Future[None]") -> None:
    if not room.done():
        room.set_result(None)
