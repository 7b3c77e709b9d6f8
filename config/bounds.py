"""The first layer of HTTP: bounds what a request may weigh before anything else looks at it.

Django's own handler reads every body to its end before any view or check, without a limit of time and, beyond 2.5 MB,
onto the disk in plain text. Here a body is at most 1 MiB, in memory, and arrives within a minute.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from config.headers import SECURITY
from core.errors import AppError, Invalid, RequestTimeout, TooLarge
from core.ids import uuid7
from core.rest.errors import PROBLEM
from core.rest.json import dump
from realtime.heads import HeadersTooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 1024
MOST_BODY_BYTES = 1 << 20
LONGEST_ARRIVAL = 60.0
"""Seconds for the whole body: one that trickles, a byte now and then, would hold its memory for hours."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


def bounded(app: App) -> App:
    """`app` behind the bounds; what breaks one is answered here, as problem+json."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_headers(scope)
            async with asyncio.timeout(LONGEST_ARRIVAL):
                body = await _read(receive)
        except TimeoutError:
            await _refuse(RequestTimeout(), send)
        except AppError as error:
            await _refuse(error, send)
        except Disconnected:
            return
        else:
            await app(scope, _replay(body, receive), send)

    return run


def _check_headers(scope: Scope) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    query: bytes = scope["query_string"]
    size = sum(len(name) + len(value) for name, value in headers) + len(scope["path"]) + len(query)
    if len(headers) > MOST_HEADERS or size > MOST_HEADER_BYTES:
        raise HeadersTooLarge
    if scope["http_version"] != "1.0" and sum(name == b"host" for name, _ in headers) != 1:
        raise Invalid("A request names its host, once.")  # RFC 9112, 3.2
    if not query.isascii():
        raise Invalid("An address is ASCII; write other characters as %XX.")  # RFC 3986, 2
    announced = next((value for name, value in headers if name == b"content-length"), b"0")
    # A number too long to be read is too large as well.
    if len(announced) > 19 or (announced.isdigit() and int(announced) > MOST_BODY_BYTES):
        raise TooLarge


async def _read(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, then whatever comes after it: the disconnect."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


async def _refuse(error: AppError, send: Send) -> None:
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
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
