"""uvicorn's own WebSocket protocol, whose connection the hub may use directly.

Through plain ASGI a client that has stopped reading blocks even `close`, nobody can see how much waits unsent, and
every delivered frame costs a trip through the application interface. Here the protocol itself is the socket's wire.
"""

import asyncio
from asyncio.transports import BaseTransport, Transport
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame
from websockets.http11 import Request

from realtime.mailbox import Flag, Mailbox
from realtime.protocol import CloseCode
from realtime.wires import CLOSE_PATIENCE, HIGH_WATER, LOW_WATER, Watcher

EXTENSION = "parley.wire"
"""Where the application finds the wire: `scope["extensions"]["parley.wire"]`."""

_MOST_FRAGMENTS = 1024
_IMPATIENCE = 2.0
"""Seconds a client that does not read has to take a close frame all the same."""


class DirectProtocol(WebSocketsSansIOProtocol):
    """A `Wire`. Until `watch` it behaves as uvicorn made it."""

    write: Callable[[bytes], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Otherwise the library would log every frame, tokens and messages too, at level DEBUG.
        self.conn.debug = False
        self._watcher: Watcher | None = None
        self.queue = Mailbox()  # type: ignore[assignment]  # as much of a queue, and of an event, as uvicorn uses
        self.writable = Flag(up=True)  # type: ignore[assignment]

    # What the socket calls.

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def close(self, code: CloseCode) -> None:
        """Send the close frame behind what is still unsent, and cut the connection if no answer comes."""
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": int(code)})
        try:
            self.conn.send_close(int(code), code.sentence)
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            # The client's answer to the close frame must be read.
            self.read_paused = False
            self.transport.resume_reading()
        patience = _IMPATIENCE if self.buffered() else CLOSE_PATIENCE
        self.close_timer = self.loop.call_later(patience, self.transport.abort)

    def abort(self) -> None:
        self.close_sent = True
        self.transport.abort()

    def buffered(self) -> int:
        return self.transport.get_write_buffer_size()

    # What uvicorn and the transport call.

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        writable = cast(Transport, transport)
        writable.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        self.write = writable.write

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._watcher is not None:
            self._watcher.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._watcher is not None:
            self._watcher.resumed()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_handshake()

    def _refuse_handshake(self) -> None:
        """Headers beyond what the library takes: it has written an answer, which uvicorn would never send."""
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # uvicorn logs path and query of each connection; a query may hold what does not belong into a log.
            self.scope["query_string"] = b""
            extensions = cast(dict[str, Any], self.scope["extensions"])
            extensions[EXTENSION] = self

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over; with thousands of idle clients what it left behind would be most of the memory.
            self.scope["headers"] = []
            del self.request, self.response

    def handle_ping(self) -> None:
        if self._watcher is None or self._watcher.pinged():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Without a bound empty fragments, which no size limit counts, would gather for ever."""
        if self.close_sent:
            return
        if len(self.frames) >= _MOST_FRAGMENTS:
            self.conn.fail(int(CloseCode.TOO_BIG), CloseCode.TOO_BIG.sentence)
            self.handle_parser_exception()
        else:
            super().handle_cont(event)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._linger()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._linger()

    def _linger(self) -> None:
        """The connection closes once everything is sent; a client that does not read must not keep it for ever."""
        self._lose()
        if self.transport.is_closing():
            self.loop.call_later(CLOSE_PATIENCE, self.transport.abort)

    def _lose(self) -> None:
        if self._watcher is not None:
            self._watcher.lost()
            self._watcher = None


def wire_of(scope: Any) -> "DirectProtocol | None":
    """The wire that Parley's own server has put into the scope; None under any other server."""
    wire = scope.get("extensions", {}).get(EXTENSION)
    return wire if isinstance(wire, asyncio.Protocol) else None  # type: ignore[return-value]  # only ours stands there
