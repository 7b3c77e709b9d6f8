"""The connection below a socket, in the three things a hub needs: write without waiting, know what is unsent, cut off.

Parley's own server hands its transport over (`server_protocol.DirectWire`). Under any other ASGI server there is
`AsgiWire`, which sends through the application interface and keeps its own account of what that has not yet taken.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from realtime.protocol import CloseCode, payloads

HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024
CLOSE_PATIENCE = 10.0
"""Seconds a client has to answer a close frame before the connection is cut."""

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Watcher(Protocol):
    """Who is told what becomes of the connection."""

    def paused(self) -> None: ...
    def resumed(self) -> None: ...
    def lost(self) -> None: ...
    def pinged(self) -> bool:
        """Whether a ping of the WebSocket layer is to be answered."""


class Wire(Protocol):
    def watch(self, watcher: Watcher) -> None: ...
    def write(self, frames: bytes) -> None:
        """Send joined frames of `protocol.text_frame`, in order, without waiting."""

    def close(self, code: CloseCode) -> None: ...
    def abort(self) -> None: ...
    def buffered(self) -> int:
        """Bytes not yet given to the network."""


class AsgiWire:
    """Over plain ASGI. A client that stops reading cannot be cut off here, only ignored: the server holds the
    connection."""

    __slots__ = ("_closing", "_queue", "_send", "_size", "_task", "_watcher")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._closing: CloseCode | None = None
        self._watcher: Watcher | None = None

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def write(self, frames: bytes) -> None:
        before, self._size = self._size, self._size + len(frames)
        self._queue.append(frames)
        self._start()
        if before <= HIGH_WATER < self._size and self._watcher is not None:
            self._watcher.paused()

    def close(self, code: CloseCode) -> None:
        self._closing = code
        self._start()

    def abort(self) -> None:
        self._forget()
        self.close(CloseCode.GOING_AWAY)

    def buffered(self) -> int:
        return self._size

    def _forget(self) -> None:
        self._queue.clear()
        self._size = 0

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._send_all()
        except (OSError, RuntimeError):
            # Once the client has gone or is going, servers raise a kind of OSError (ASGI 2.4), older ones RuntimeError.
            self._forget()
            if self._watcher is not None:
                self._watcher.lost()

    async def _send_all(self) -> None:
        while self._queue:
            frames = self._queue.popleft()
            for payload in payloads(frames):
                await self._send({"type": "websocket.send", "text": payload.decode()})
            self._shrink(len(frames))
        if self._closing is not None:
            await self._send({"type": "websocket.close", "code": int(self._closing), "reason": self._closing.sentence})

    def _shrink(self, by: int) -> None:
        before, self._size = self._size, max(0, self._size - by)
        if before > LOW_WATER >= self._size and self._watcher is not None:
            self._watcher.resumed()
