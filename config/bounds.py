"""The first layer of HTTP: bounds what a request may weigh before anything else looks at it.

Django's own handler reads every body to its end before any view or check, without a limit of time and, beyond 2.5 MB,
onto the disk in plain text. Here a body is at most 1 MiB, in memory, and arrives without stalling.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from core.errors import AppError, RequestTimeout, TooLarge
from core.ids import uuid7
from core.rest.errors import PROBLEM
from core.rest.json import dump

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_HEADERS = 100
MOST_HEADER_BYTES = 32 * 1024
MOST_BODY_BYTES = 1 << 20
LONGEST_STALL = 60.0


class HeadersTooLarge(AppError):
    status, code, title = 431, "too_large", "The request has too many or too large headers."


class Disconnected(Exception):
    """The client went away before its request was complete."""


def bounded(app: App) -> App:
    """`app` behind the bounds; what breaks one is answered here, as problem+json."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_headers(scope)
            body = await _read(receive)
        except AppError as error:
            await _refuse(error, send)
        except Disconnected:
            return
        else:
            await app(scope, _replay(body, receive), send)

    return run


def _check_headers(scope: Scope) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers) + len(scope.get("query_string", b""))
    if len(headers) > MOST_HEADERS or size > MOST_HEADER_BYTES:
        raise HeadersTooLarge
    announced = next((value for name, value in headers if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > MOST_BODY_BYTES:
        raise TooLarge


async def _read(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await _next(receive)
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _next(receive: Receive) -> MutableMapping[str, Any]:
    try:
        async with asyncio.timeout(LONGEST_STALL):
            return await receive()
    except TimeoutError:
        raise RequestTimeout from None


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
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        # The rest of the request is not read, so the connection cannot serve another.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
