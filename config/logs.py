"""Logs by structlog: one JSON object a line on standard error, or readable lines while developing.

What is logged is chosen where it is logged; this module makes sure that nothing slips in sideways: no request line
(paths can hold tokens), no arguments of a failing query, no local variables of a traceback.
"""

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars

_QUIET = {
    # 4xx answers are the clients' business, and their messages quote the path.
    "django.request": logging.ERROR,
    # Unknown hosts, missing CSRF tokens and the like: about what anybody may send, as often as they like.
    "django.security": logging.CRITICAL,
    # Every query with its parameters, at DEBUG.
    "django.db.backends": logging.INFO,
    "uvicorn.access": logging.CRITICAL,
    "websockets": logging.WARNING,
    # A traceback every second while Redis is away; realtime.pokes says it once.
    "channels_redis": logging.CRITICAL,
    "asyncio": logging.WARNING,
    # What clients send and is no form, byte by byte.
    "python_multipart": logging.CRITICAL,
    # The libraries of the storage tell of every request with its headers, signatures among them at DEBUG.
    "azure": logging.WARNING,
    "boto3": logging.WARNING,
    "botocore": logging.WARNING,
    "google": logging.WARNING,
    "s3transfer": logging.WARNING,
    "urllib3": logging.ERROR,
}


def configure_logging(level: str, *, readable: bool) -> None:
    """Send everything that is logged from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=_processors(readable)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    logging.getLogger("uvicorn.error").addFilter(_not_about_a_client)
    threading.excepthook = _log_dead_thread
    sys.unraisablehook = _log_unraisable


_CUT_OFF = "ASGI callable returned without completing response."


def _not_about_a_client(record: logging.LogRecord) -> bool:
    """uvicorn calls it an error of the server when a client sends a text frame that is no text, and when an answer ends
    before its time. Answers are cut off on purpose (`config.handler`): of a client that stopped reading, that may not
    have the rest any more, or of a file that was altered. What is worth a line says so where it is found, and a defect
    in the middle of an answer is logged as the exception that it is."""
    return record.msg != _CUT_OFF and not (record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError))


def _log_dead_thread(ended: threading.ExceptHookArgs) -> None:
    """In place of Python's, which writes the exception's message past everything below."""
    if ended.exc_value is not None:
        logging.getLogger("threading").error("a thread died", exc_info=ended.exc_value)


def _log_unraisable(failed: "sys.UnraisableHookArgs") -> None:
    """The same for an error that nobody can catch, in the end of an object's life."""
    if failed.exc_value is not None:
        logging.getLogger("python").error("an error that nobody can catch", exc_info=failed.exc_value)


def _processors(readable: bool) -> list[Any]:
    return [
        merge_contextvars,  # the id of the request on whose behalf this is logged
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(allow=["figures"]),  # core.reporting
        _without_values,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(),
    ]


def _without_values(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception's message can quote the row or text it failed on: its class and where it was raised say enough."""
    record = event.get("_record")
    if record is not None:
        event["event"] = _discreet(record, str(event["event"]))
    exc_info = getattr(record, "exc_info", None) or event.pop("exc_info", None)
    if exc_info and exc_info[1] is not None:
        event["error"] = type(exc_info[1]).__name__
        event["where"] = _frames(exc_info[2])
        event.pop("exc_info", None)
    return event


def _discreet(record: logging.LogRecord, message: str) -> str:
    if record.name == "django.request":
        # Its own message quotes the path, and a path can be a signed link.
        return f"a request failed with {getattr(record, 'status_code', 500)}"
    if record.name == "asyncio":
        return message.partition("\n")[0]  # below stand the task and its exception, with whatever both hold
    return message


def _frames(traceback: Any) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames
