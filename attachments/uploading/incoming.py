"""The body of an upload as it arrives, within bounds of size and time, and what becomes of a body nobody reads on.

Nothing is kept of it: what `read` returns is all there is. Time counts only while the client is waited for, so that a
slow storage is not blamed on it. A stall of a minute ends an upload (RFC 9110, 15.5.9), and so does a client that sends
less than SLOWEST on the whole: a byte a second would hold a place for years.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from attachments.refusals import FileTooLarge
from core.errors import RequestTimeout

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

FRAME_BYTES = 64 * 1024
"""What a form may weigh beside its file: boundaries, headers, fields."""

LONGEST_STALL = 60.0
SLOWEST = 16 * 1024
"""Bytes per second that a client has to reach on the whole, after its first minute."""

LONGEST_WAIT = 55 * 60.0
"""Seconds that a client is waited for in all, however large a file may be here: after an hour an upload counts as dead
(attachments.sweeping)."""

LONGEST_LINGER = 5.0


class GoneAway(Exception):
    """The client went away before its body was complete: there is nobody to answer."""


class Incoming:
    """A body, read once, part by part. `is_whole` once its end has arrived."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._size = 0
        self._waited = 0.0
        self._is_cut_off = False
        self.is_whole = False

    async def read(self, most_bytes: int) -> bytes:
        """The next part, b"" behind the last.

        Raises FileTooLarge when it is now more than a form with a file of `most_bytes`, RequestTimeout, GoneAway.
        """
        part = b""
        while not part and not self.is_whole:
            message = await self._next()
            part = message.get("body", b"")
            self.is_whole = not message.get("more_body")
        self._size += len(part)
        if self._size > most_bytes + FRAME_BYTES:
            raise FileTooLarge(most_bytes)
        return part

    async def _next(self) -> Message:
        clock = asyncio.get_running_loop().time
        begin = clock()
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout("The upload stalled, or came too slowly.") from None
        finally:
            self._waited += clock() - begin
        if message["type"] == "http.disconnect":
            self._is_cut_off = True
            raise GoneAway
        return message

    def _patience(self) -> float:
        in_all = min(LONGEST_STALL + self._size / SLOWEST, LONGEST_WAIT)
        return max(0.0, min(LONGEST_STALL, in_all - self._waited))

    async def drain(self) -> None:
        """Let what is still on its way arrive, for a moment, and drop it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_LINGER):
                while not (self.is_whole or self._is_cut_off):
                    message = await self._receive()
                    self._is_cut_off = message["type"] == "http.disconnect"
                    self.is_whole = not message.get("more_body")


def streamed(app: App) -> App:
    """`app` gets the body as `scope["incoming"]` and may answer before it has read it.

    A connection that is closed while its client still sends is reset, and the answer with it: the client, or a proxy,
    would see a broken connection instead of what was wrong. So such an answer is followed by a moment in which the rest
    is dropped (a lingering close, RFC 9112 9.6).
    """

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        incoming = Incoming(receive)
        await app({**scope, "incoming": incoming}, receive, _lingering(incoming, send))

    return run


def _lingering(incoming: Incoming, send: Send) -> Send:
    async def send_on(message: Message) -> None:
        if incoming.is_whole:
            await send(message)
        elif message["type"] == "http.response.start":
            await send({**message, "headers": [*message["headers"], (b"connection", b"close")]})
        elif message.get("more_body"):
            await send(message)
        else:
            await send({**message, "more_body": True})
            await incoming.drain()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_on
