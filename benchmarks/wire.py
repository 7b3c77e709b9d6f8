"""A WebSocket client that costs little: the generator shares the machine with what it measures.

A client library spends more on a frame than the servers do. This one takes what RFC 6455 lets a server send and these
servers send: whole, unmasked text frames, close and ping. Anything else ends the connection with an error.
"""

import asyncio
import os
from base64 import b64encode
from typing import cast
from urllib.parse import urlsplit

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_NO_MASK = b"\0\0\0\0"


class Refused(Exception):
    """The server does not let the client in, or answers with an error."""


class WebSocket(asyncio.Protocol):
    """One connection. `opened`, `text` and `closed` are called on the event loop."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._upgraded = False
        self._reason = "the server closed the connection"
        self.alive = False

    def opened(self) -> None:
        """The handshake is done."""

    def text(self, payload: bytes) -> None:
        """A text frame has come."""

    def closed(self, error: Exception) -> None:
        """The connection is gone; called once."""

    async def connect(self) -> None:
        """Returns when TCP is up; `opened` follows."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._url.hostname or "127.0.0.1", self._url.port or 80)

    def send_text(self, payload: bytes) -> None:
        """Masked with zeros, which leaves the payload as it is (RFC 6455 5.3)."""
        self._send(_TEXT, payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        target = self._url.path + (f"?{self._url.query}" if self._url.query else "")
        key = b64encode(os.urandom(16)).decode()
        lines = [f"GET {target} HTTP/1.1", f"Host: {self._url.netloc}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self._transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0 if self._upgraded else self._after_handshake(data)
        self._rest = data[self._take_frames(data, at) :] if self._upgraded else data

    def connection_lost(self, error: Exception | None) -> None:
        self.alive = False
        self.closed(error or ConnectionError(self._reason))

    def _after_handshake(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return 0
        if data.split(b" ", 2)[1] != b"101":
            raise Refused(data[:100].decode(errors="replace"))
        self._upgraded = self.alive = True
        self.opened()
        return end

    def _take_frames(self, data: bytes, at: int) -> int:
        """Hands on every whole frame from `at` on; returns where the rest begins. Hot: once per delivery."""
        end = len(data)
        while end - at >= 2:
            size, begin = data[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
            if begin + size > end:
                return at
            if data[at] == 0x80 | _TEXT:
                self.text(data[begin : begin + size])
            else:
                self._control(data[at], data[begin : begin + size])
            at = begin + size
        return at

    def _control(self, head: int, payload: bytes) -> None:
        if head == 0x80 | _PING:
            self._send(_PONG, payload)
        elif head == 0x80 | _CLOSE:
            self._reason = f"the server closed the connection with {int.from_bytes(payload[:2])}"
            self.close()
        else:
            raise Refused(f"a frame that begins with {head:#x}")

    def _send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        if self._transport is None:
            raise ConnectionError("not connected")
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        else:
            head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
        self._transport.write(head + _NO_MASK + payload)
