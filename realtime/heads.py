"""uvicorn's HTTP protocol with bounds on the head of a request: how much it may be, and how long it may take.

By itself uvicorn collects header lines without end and waits for them for ever: a client that never finishes its head
would fill the memory or hold the connection (slowloris) before any application hears of it. Complete heads are judged
more closely by the application (config.bounds).
"""

from asyncio import TimerHandle, Transport
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from core.errors import AppError, Invalid, RequestTimeout
from core.ids import uuid7
from core.rest.errors import PROBLEM
from core.rest.json import dump

MOST_HEAD_BYTES = 64 * 1024
LONGEST_HEAD = 60.0
"""Seconds from the connection, or from the first byte of a later request, to the end of the head."""


class HeadersTooLarge(AppError):
    status, code, title = 431, "too_large", "The request has too many or too large headers."


class BoundedHttp(HttpToolsProtocol):
    _unfinished_bytes = 0
    _deadline: TimerHandle | None = None

    @property
    def awaits_head(self) -> bool:
        """Whether nothing was asked yet since the connection began, or the head of a request is not whole."""
        return self._deadline is not None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is not None:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > MOST_HEAD_BYTES:
                self._turn_away(HeadersTooLarge())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP at all, in the form of every other error."""
        self._turn_away(Invalid("The request is not HTTP."))

    def _begin_head(self) -> None:
        if self._deadline is None:
            self._unfinished_bytes = 0
            self._deadline = self.loop.call_later(LONGEST_HEAD, lambda: self._turn_away(RequestTimeout()))

    def _end_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _turn_away(self, error: AppError) -> None:
        self._end_head()
        earlier = cast(RequestResponseCycle | None, self.cycle)  # uvicorn says it is always there, and begins with None
        if earlier is not None and not earlier.response_complete:
            # The answer to it is on its way; another one in the middle would be read as part of it.
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(_answer(error))
            self.transport.close()


def _answer(error: AppError) -> bytes:
    request_id = str(uuid7())
    body = dump(error.as_problem(request_id))
    headers = {
        "content-type": PROBLEM,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-request-id": request_id,
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[error.status] + lines.encode() + b"\r\n" + body
