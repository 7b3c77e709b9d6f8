"""uvicorn's HTTP protocol with bounds on what no application sees: the head of a request, and an answer nobody takes.

By itself uvicorn collects header lines without end and waits for them for ever: a client that never finishes its head
would fill the memory or hold the connection (slowloris) before any application hears of it. Complete heads are judged
more closely by the application (config.bounds).

Nor does it ever give up a client that has stopped reading: what was written to it, and the connection, closed or not,
would stay for as long as that client likes. Here such a connection is aborted after STALL_TIMEOUT.
"""

from asyncio import TimerHandle, Transport
from typing import cast

from django.conf import settings
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
    _stalled: TimerHandle | None = None

    @property
    def awaits_head(self) -> bool:
        """Whether nothing was asked yet since the connection began, or the head of a request is not whole."""
        return self._deadline is not None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        self._end_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._deadline is not None:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > MOST_HEAD_BYTES:
                self._turn_away(HeadersTooLarge())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # For a client that takes too little of its answer (config.handler): closed, a connection still waits for it.
        self.scope["abort"] = self.transport.abort  # type: ignore[typeddict-unknown-key]  # not of ASGI
        super()._unset_keepalive_if_required()
        if not self.flow.write_paused:
            self._end_stall()  # as much as one answer may stay unread by a client that goes on asking
        self._begin_head()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._begin_stall()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()
        if self.transport.get_write_buffer_size():
            self._begin_stall()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._begin_stall()

    def handle_websocket_upgrade(self) -> None:
        """Not while anything is unanswered or unread, which no honest client has then: this protocol would never hear
        again of the connection, nor whoever answers that it has ended."""
        if self._is_answering() or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        self._end_stall()  # from here on the socket looks after itself
        super().handle_websocket_upgrade()

    def _unset_keepalive_if_required(self) -> None:
        """Nothing, where uvicorn lets any byte end the time an idle connection has: blank lines before a request (RFC
        9112, 2.2) begin none, and would keep it for ever. A request does."""

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

    def _begin_stall(self) -> None:
        if self._stalled is None:
            self._stalled = self.loop.call_later(settings.STALL_TIMEOUT, self._give_up)

    def _give_up(self) -> None:
        self._stalled = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _end_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _is_answering(self) -> bool:
        latest = cast(RequestResponseCycle | None, self.cycle)  # uvicorn says it is always there, and begins with None
        return bool(self.pipeline) or (latest is not None and not latest.response_complete)

    def _turn_away(self, error: AppError) -> None:
        self._end_head()
        if self._is_answering():
            # The answer to it is on its way; another one in the middle would be read as part of it.
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.write(_answer(error))
            self.transport.close()
            self._begin_stall()


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
