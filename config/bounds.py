"""The first layer of HTTP: bounds what a request may weigh before anything else looks at it.

Django's own handler reads every body to its end before any view or check, without a limit of time and, beyond 2.5 MB,
onto the disk in plain text. Here a body is at most 1 MiB, in memory, and arrives within a minute.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from config.headers import SECURITY
from core.errors import AppError, Invalid, RequestTimeout, TooLarge, Unavailable, UnsupportedMediaType
from core.ids import uuid7
from core.rest.errors import PROBLEM, count
from core.rest.json import dump
from realtime.http import HeadersTooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 1024
MOST_BODY_BYTES = 1 << 20
LONGEST_ARRIVAL = 60.0
"""Seconds for the whole body: one that trickles, a byte now and then, would hold its memory for hours."""

SMALL_BODY_BYTES = 64 * 1024
MOST_LARGE_BYTES = 64 << 20
"""What all bodies larger than a small one may hold together. No message is that large, so a client that fills the room
with a thousand bodies it never ends keeps nobody from talking."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Overloaded(Unavailable):
    code, title = "overloaded", "Too many large requests come at once."


class _Room:
    """The room that large bodies share, on one event loop."""

    def __init__(self) -> None:
        self._taken = 0

    def resize(self, before: int, after: int) -> None:
        """A body has grown, or is gone (0). Raises Overloaded when there is no room for more."""
        more = _beyond_small(after) - _beyond_small(before)
        if more > 0 and self._taken + more > MOST_LARGE_BYTES:
            raise Overloaded
        self._taken += more


def _beyond_small(size: int) -> int:
    return size if size > SMALL_BODY_BYTES else 0


_room = _Room()


class _Body:
    """A body as it arrives, and the room it takes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    async def read(self, receive: Receive) -> bytes:
        """All of it; raises TooLarge, Overloaded, Disconnected."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            self._add(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(self._parts)

    def _add(self, part: bytes) -> None:
        size = self._size + len(part)
        if size > MOST_BODY_BYTES:
            raise TooLarge
        _room.resize(self._size, size)
        self._parts.append(part)
        self._size = size

    def let_go(self) -> None:
        self._parts.clear()
        _room.resize(self._size, 0)
        self._size = 0


def bounded(app: App) -> App:
    """`app` behind the bounds; what breaks one is answered here, as problem+json."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        arriving = _Body()
        try:
            _check_headers(scope, MOST_BODY_BYTES, TooLarge)
            async with asyncio.timeout(LONGEST_ARRIVAL):
                body = await arriving.read(receive)
        except TimeoutError:
            await _refuse(RequestTimeout(), send)
        except AppError as error:
            await _refuse(error, send)
        except Disconnected:
            return
        else:
            await app(scope, _replay(body, receive), send)
        finally:
            arriving.let_go()

    return run


def with_a_bounded_head(app: App, most_bytes: Callable[[], int], too_large: Callable[[], TooLarge]) -> App:
    """`app`, which reads its body itself and within its own bounds, behind those of the head; no more than `most_bytes`
    may be announced, and `too_large` answers what is."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_headers(scope, most_bytes(), too_large)
        except AppError as error:
            await _refuse(error, send)
        else:
            await app(scope, receive, send)

    return run


def _check_headers(scope: Scope, most_bytes: int, too_large: Callable[[], TooLarge]) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    query: bytes = scope["query_string"]
    size = sum(len(name) + len(value) for name, value in headers) + len(scope["path"]) + len(query)
    if len(headers) > MOST_HEADERS or size > MOST_HEADER_BYTES:
        raise HeadersTooLarge
    if scope["http_version"] != "1.0" and sum(name == b"host" for name, _ in headers) != 1:
        raise Invalid("A request names its host, once.")  # RFC 9112, 3.2
    if not query.isascii():
        raise Invalid("An address is ASCII; write other characters as %XX.")  # RFC 3986, 2
    if any(name == b"content-encoding" for name, _ in headers):
        raise UnsupportedMediaType("Send the body as it is, without a content encoding.")  # RFC 9110, 8.4
    announced = next((value for name, value in headers if name == b"content-length"), b"0")
    # A number too long to be read is too large as well.
    if len(announced) > 19 or (announced.isdigit() and int(announced) > most_bytes):
        raise too_large()


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, then whatever comes after it: the disconnect."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def _refuse(error: AppError, send: Send) -> None:
    count(error)
    request_id = str(uuid7())
    body = dump(error.as_problem(request_id))
    headers = [
        (b"content-type", PROBLEM.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode(), value.encode()) for name, value in SECURITY.items()),
        # The rest of the request is not read, so the connection cannot serve another.
        (b"connection", b"close"),
    ]
    if error.retry_after_ms is not None:
        headers.append((b"retry-after", str(math.ceil(error.retry_after_ms / 1000)).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
