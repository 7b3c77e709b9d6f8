"""Speaking with `/ws/chat` in tests, in sentences.

with connect(server, token) as client:
    message = client.ask("message:new", {"conversationId": …, "content": "…"})
    event = client.next_event("message:new")
    client.nothing_arrives()
    assert client.closed_with() == 4410
"""

import errno
import json
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Protocol, Self

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket
from websockets.typing import Origin

Frame = dict[str, Any]


class Listening(Protocol):
    """A running server (tests.live)."""

    @property
    def ws_url(self) -> str: ...


class Refusal(Exception):
    """The server answered a request with an error."""

    def __init__(self, error: Frame) -> None:
        self.error = error
        self.code: str = error["code"]
        super().__init__(f"{self.code}: {error.get('detail')}")


class Client:
    """One connection. What arrives while something else is waited for is kept for later."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.hello: Frame = {}
        self._kept: deque[Frame] = deque()
        self._ids = count(1)

    def send(self, frame: Frame | str | bytes) -> None:
        """A frame; text and bytes go as they are."""
        self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def authenticate(self, token: object, resume: Frame | None = None) -> Frame:
        """Show a token and wait for auth_success, which is also kept as `hello`."""
        self.send({"type": "auth", "token": token} | ({"resume": resume} if resume is not None else {}))
        self.hello = self.next_frame_where(lambda frame: frame.get("type") == "auth_success")
        return self.hello

    def ask_raw(self, event: str, data: Frame) -> Frame:
        """The whole reply to a request."""
        own = f"c{next(self._ids)}"
        self.send({"id": own, "event": event, "data": data})
        return self.next_frame_where(lambda frame: frame.get("replyTo") == own)

    def ask(self, event: str, data: Frame) -> Frame:
        """The data of the reply; raises Refusal."""
        reply = self.ask_raw(event, data)
        if "error" in reply:
            raise Refusal(reply["error"])
        return dict(reply["data"])

    def next_frame(self, timeout: float = 5.0) -> Frame:
        """The next frame of any kind."""
        return self._kept.popleft() if self._kept else self._receive(timeout)

    def next_frame_where(self, wanted: Callable[[Frame], bool], timeout: float = 5.0) -> Frame:
        """The next frame of which this is true; the others are kept."""
        for place, frame in enumerate(self._kept):
            if wanted(frame):
                del self._kept[place]
                return frame
        deadline = time.monotonic() + timeout
        while True:
            frame = self._receive(deadline - time.monotonic())
            if wanted(frame):
                return frame
            self._kept.append(frame)

    def next_event(self, name: str | None = None, timeout: float = 5.0) -> Frame:
        """The next event, of this name if one is given."""
        return self.next_frame_where(lambda frame: "event" in frame and name in {None, frame["event"]}, timeout)

    def nothing_arrives(self, seconds: float = 0.3) -> None:
        """Only heartbeats come within this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 or self._kept:
            try:
                frame = self.next_frame(max(left, 0.01))
            except TimeoutError:
                continue
            assert frame.get("type") == "ping", f"unexpected: {frame}"

    def closed_with(self, timeout: float = 5.0) -> int:
        """Wait until the server closes; the close code, 1006 when there was none. What came before is kept."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._kept.append(self._receive(deadline - time.monotonic()))
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else CloseCode.ABNORMAL_CLOSURE

    def kept(self) -> list[Frame]:
        """What has arrived and not been asked for, oldest first."""
        return list(self._kept)

    def close(self) -> None:
        self.connection.close()

    def _receive(self, timeout: float) -> Frame:
        frame = json.loads(self.connection.recv(max(timeout, 0.001)))
        assert isinstance(frame, dict)
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_client(ws_url: str, *, origin: str | None = None, headers: Mapping[str, str] | None = None) -> Client:
    """A connection that has shown nothing yet. Raises InvalidStatus when the handshake is refused."""
    connection = open_websocket(
        ws_url,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
        compression=None,
        # Neither a proxy from the environment nor pings of the library's own.
        proxy=None,
        ping_interval=None,
        max_size=None,
        legacy=True,
    )
    return Client(connection)


def connect(
    server: Listening,
    token: str | None = None,
    *,
    resume: Frame | None = None,
    origin: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Client:
    """A connection to the live server; with a token it has been authenticated."""
    client = open_client(server.ws_url, origin=origin, headers=headers)
    if token is not None:
        client.authenticate(token, resume)
    return client


def connect_to(url: str, token: str, *, resume: Frame | None = None) -> Client:
    """An authenticated connection to a server at `http://…` that is a process of its own."""
    client = open_client(url.replace("http", "ws", 1) + "/ws/chat")
    client.authenticate(token, resume)
    return client


def raw_frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A client's frame with a mask of zeros (RFC 6455 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", (0x80 if fin else 0) | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", (0x80 if fin else 0) | opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", (0x80 if fin else 0) | opcode, 0xFF, size)
    return head + b"\0\0\0\0" + payload


def send_raw(client: Client, data: bytes) -> None:
    """Past the library, which would not say such things."""
    try:
        client.connection.socket.sendall(data)
    except OSError as error:
        # The server has had enough before all of it was sent, and the library may have closed its end (EBADF) by now.
        if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.EBADF):
            raise
