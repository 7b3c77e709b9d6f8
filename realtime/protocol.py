r"""Frames in, frames out, close codes. Pure: no socket, no clock, no database.

    in    {"type": "auth", "token": "…"}                                control frame: has `type`
          {"id": "c1", "event": "message:new", "data": {…}}             request: has `event`
    out   {"replyTo": "c1", "data": {…}}   {"replyTo": "c1", "error": {"code": …, "detail": …}}
          {"event": "message:new", "conversationId": …, "seq": 42, "at": …, "actorId": …, "data": {…}}
          {"event": "typing", "data": {…}}   {"type": "ping", "heads": {…}}

Outgoing frames are built once as the bytes that go onto the TCP connection, so that a room of a thousand costs one
encoding.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn, Self

import orjson

from core.errors import AppError, Invalid, UnknownEvent, UnknownField
from core.text import storable

LONGEST_ID = 64


class CloseCode(IntEnum):
    """Why a socket was closed; `sentence` goes to the client as the reason (RFC 6455 5.5.1: at most 123 bytes)."""

    sentence: str

    def __new__(cls, value: int, sentence: str = "") -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.sentence = sentence
        return code

    NORMAL = 1000, "Good bye."
    GOING_AWAY = 1001, "Good bye."
    BINARY = 1003, "Frames are JSON text."
    BAD_UTF8 = 1007, "The text is not UTF-8."
    TOO_BIG = 1009, "The frame is too big."
    DEFECT = 1011, "Something went wrong on the server."
    RESTART = 1012, "The server restarts; connect again."
    OVERLOADED = 1013, "The server is busy; connect again later."
    BAD_FRAME = 4400, "The frames do not follow the protocol."
    NOT_AUTHENTICATED = 4401, "The token is missing or not valid."
    TOKEN_EXPIRED = 4402, "The token has expired; refresh it and connect again."
    ACCOUNT_DISABLED = 4403, "The account is disabled."
    NO_AUTH_IN_TIME = 4408, "No token came in time."
    SUPERSEDED = 4409, "Too many connections; this was the oldest."
    SESSION_REVOKED = 4410, "The session has been ended."
    TOO_SLOW = 4412, "This connection reads too slowly; connect again and resume."
    FLOOD = 4429, "Too many frames or connections."
    IDLE = 4440, "Nothing happened for long; connect again."


class BadFrame(Exception):
    """Not a frame of this protocol at all; the socket closes with 4400."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control frame: its type and the whole object."""

    type: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """Something a client asks. `error` stands in it when the frame around a readable request is wrong."""

    id: str | None
    event: object
    data: object
    error: AppError | None = None


def parse(text: str) -> Control | Request:
    """What the client sent. Raises BadFrame when it is no JSON object with either `type` or `event`."""
    body = _decode(text)
    if not isinstance(body, dict) or ("type" in body) == ("event" in body):
        raise BadFrame
    if "type" in body:
        if not isinstance(body["type"], str):
            raise BadFrame
        return Control(body["type"], body)
    return _request(body)


def _request(body: dict[str, Any]) -> Request:
    id_, error = body.get("id"), None
    if id_ is not None and not (isinstance(id_, str) and len(id_) <= LONGEST_ID and storable(id_)):
        id_, error = None, Invalid(f"`id` is text of at most {LONGEST_ID} characters.")
    elif unknown := body.keys() - {"id", "event", "data"}:
        error = UnknownField(f"A request has no field {min(unknown)[:64]!a}.")
    elif not isinstance(body["event"], str):
        error = UnknownEvent()
    return Request(id_, body["event"], body.get("data", {}), error)


def _decode(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _decode_leniently(text)


def _decode_leniently(text: str) -> object:
    r"""orjson refuses `"\ud800"`, which is JSON (RFC 8259 8.2): such a frame deserves an answer, not a closed socket.

    What else the standard parser takes and orjson does not (NaN, 1e999, endless nesting) stays refused.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise BadFrame from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def encode(body: dict[str, Any]) -> bytes:
    """An outgoing frame as it goes onto the connection."""
    return text_frame(orjson.dumps(body))


def event_frame(event: str, data: dict[str, Any]) -> bytes:
    """An ephemeral event."""
    return encode({"event": event, "data": data})


def reply_frame(id_: str | None, data: dict[str, Any]) -> bytes:
    return encode({"replyTo": id_, "data": data})


def error_frame(id_: str | None, error: AppError) -> bytes:
    return encode({"replyTo": id_, "error": error.as_reply()})


def text_frame(payload: bytes) -> bytes:
    """An unfragmented, unmasked text frame (RFC 6455 5.2): FIN and opcode 1, the length in 7, 7+16 or 7+64 bits."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def payloads(frames: bytes) -> Iterator[bytes]:
    """The payloads of joined frames that `text_frame` built, for a server that frames them itself."""
    at = 0
    while at < len(frames):
        size, at = frames[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(frames[at : at + width], "big"), at + width
        yield frames[at : at + size]
        at += size
