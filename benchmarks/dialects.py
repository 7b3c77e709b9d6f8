"""How each kind of server is spoken to. A dialect signs in, sends, and recognises what is delivered.

Every text begins with a mark that says who sent it as which number and when, so that a delivery can be counted and
timed without reading the rest of its frame.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from benchmarks.wire import Refused, WebSocket

PATIENCE = 30.0
"""Seconds after which an answer that does not come is an error."""

_MARK = b"~#"
_END = b"#~"


class Delivery(NamedTuple):
    """A message that reached a socket: the sender's place, its number, and when it was sent (perf_counter_ns)."""

    sender: int
    number: int
    sent_ns: int


def marked(delivery: Delivery, length: int = 160) -> str:
    """A text that carries these, filled up to `length` characters."""
    return f"~#{delivery.sender}.{delivery.number}.{delivery.sent_ns}#~".ljust(length, "x")


def sent_now(sender: int, number: int) -> Delivery:
    return Delivery(sender, number, time.perf_counter_ns())


class Connection(WebSocket):
    """A signed-in socket. `delivered` is called with each message that arrives on it."""

    path = "/"

    def __init__(self, url: str, token: str, delivered: "Callable[[Connection, Delivery], None]") -> None:
        super().__init__(url.replace("http", "ws", 1) + self.path)
        self.place = -1
        self._token = token
        self._delivered = delivered
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._asked = 0

    async def open(self) -> None:
        """Connect and sign in."""
        await self.connect()
        await asyncio.wait_for(self._ready, PATIENCE)

    def send(self, conversation: str, text: str) -> "asyncio.Future[bytes]":
        """Send a message; the future ends with the server's acknowledgement, or with Refused."""
        raise NotImplementedError

    def closed(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
        self._waiting.clear()

    def _expect(self) -> "tuple[int, asyncio.Future[bytes]]":
        self._asked += 1
        future = self._waiting[self._asked] = asyncio.get_running_loop().create_future()
        return self._asked, future

    def _settle(self, number: int, payload: bytes, error: bool) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if error:
            future.set_exception(Refused(payload[:200].decode(errors="replace")))
        else:
            future.set_result(payload)

    def _deliver(self, payload: bytes, at: int) -> None:
        sender, number, sent_ns = payload[at + 2 : payload.index(_END, at)].split(b".")
        self._delivered(self, Delivery(int(sender), int(number), int(sent_ns)))


class Parley(Connection):
    """This project's own protocol."""

    path = "/ws/chat"
    _REPLY = b'{"replyTo":"'

    def opened(self) -> None:
        self._say({"type": "auth", "token": self._token})

    def send(self, conversation: str, text: str) -> "asyncio.Future[bytes]":
        return self.ask("message:new", {"conversationId": conversation, "content": text})

    def ask(self, event: str, data: dict[str, Any]) -> "asyncio.Future[bytes]":
        """Any request; the future ends with the whole reply."""
        number, future = self._expect()
        self._say({"id": str(number), "event": event, "data": data})
        return future

    def text(self, payload: bytes) -> None:
        if payload.startswith(self._REPLY):
            begin = len(self._REPLY)
            end = payload.index(b'"', begin)
            self._settle(int(payload[begin:end]), payload, payload.startswith(b'","error":', end))
        elif (at := payload.find(_MARK)) >= 0:
            self._deliver(payload, at)
        else:
            self._control_frame(orjson.loads(payload))

    def _control_frame(self, frame: dict[str, Any]) -> None:
        if frame.get("type") == "auth_success":
            self._ready.set_result(None)
        elif frame.get("type") == "ping":
            self._say({"type": "pong"})

    def _say(self, frame: dict[str, Any]) -> None:
        self.send_text(orjson.dumps(frame))


class SocketIo(Connection):
    """Socket.IO 5 over Engine.IO 4, WebSocket only: `message:send` with an acknowledgement, `message:new` as event.

    https://socket.io/docs/v4/socket-io-protocol/ and https://socket.io/docs/v4/engine-io-protocol/
    """

    path = "/socket.io/?EIO=4&transport=websocket"

    def send(self, conversation: str, text: str) -> "asyncio.Future[bytes]":
        number, future = self._expect()
        body = orjson.dumps(["message:send", {"conversationId": conversation, "content": text}])
        self.send_text(b"42%d%s" % (number, body))
        return future

    def text(self, payload: bytes) -> None:
        kind = payload[:2]
        if kind == b"42":
            self._deliver(payload, payload.index(_MARK))
        elif kind == b"43":
            begin = payload.index(b"[")
            self._settle(int(payload[2:begin]), payload, b'"ok":false' in payload)
        elif kind == b"2":
            self.send_text(b"3")
        elif kind[:1] == b"0":
            self.send_text(b"40" + orjson.dumps({"token": self._token}))
        elif kind == b"40":
            self._ready.set_result(None)
        elif kind == b"44":
            self._ready.set_exception(Refused(payload.decode(errors="replace")))


DIALECTS: dict[str, type[Connection]] = {"parley": Parley, "socket.io": SocketIo}
