"""Typed readers of the environment: a setting is read once, by name, and a mistake is reported by that name.

Values come from the process's environment, then from `.env` under DATA_DIR. A secret `NAME` may be kept in a file
that `NAME_FILE` names, as container platforms mount them.
"""

import math
import os
import re
from collections.abc import Callable, Collection
from datetime import time
from pathlib import Path
from typing import Any, TypeVar

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from core.limits import Rate

T = TypeVar("T")
N = TypeVar("N", int, float)

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or "var").absolute()

_env = Env()


def _read_file(path: Path) -> None:
    try:
        _env.read_env(str(path), recurse=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {_reason(error)}.") from error


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "unknown" if isinstance(error, OSError) else "it is not UTF-8 text"


_read_file(DATA_DIR / ".env")


def text(name: str, default: str = "") -> str:
    return _env.str(name, default) or default


def one_of(name: str, choices: Collection[str], default: str) -> str:
    """One of `choices`."""
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
    return value


def boolean(name: str, default: bool) -> bool:
    return _read(name, lambda: _env.bool(name, default))


def integer(name: str, default: int, *, least: int = 1) -> int:
    """A whole number, not below `least`."""
    return _at_least(name, _read(name, lambda: _env.int(name, default)), least)


def seconds(name: str, default: float, *, least: float = 0.001) -> float:
    """A finite time in seconds, not below `least`."""
    return _at_least(name, _read(name, lambda: _env.float(name, default)), least)


def _at_least(name: str, value: N, least: N) -> N:
    if not math.isfinite(value) or value < least:
        raise ImproperlyConfigured(f"{name} must be a number from {least} on.")
    return value


def time_of_day(name: str, default: str) -> time:
    """A time as `03:00`."""
    value = text(name, default)
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ImproperlyConfigured(f"{name} must be a time like 03:00.")
    return time.fromisoformat(value)


def names(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty items."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def rate(name: str, default: str) -> Rate:
    """How often: `60/60` is 60 per 60 s."""
    return _read(name, lambda: Rate.parse(_env.str(name, default)))


def secret(name: str) -> str:
    """A secret from NAME or from the file NAME_FILE; empty when neither is set. A named file must be readable."""
    path = _env.str(f"{name}_FILE", "")
    if not path:
        return text(name)
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {_reason(error)}.") from error


def url(name: str, schemes: Collection[str]) -> str:
    """A secret that is an address with one of `schemes`; empty when it is not set."""
    value = secret(name)
    if value and value.partition("://")[0] not in schemes:
        raise ImproperlyConfigured(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    return value


def socket_address(name: str, default: str) -> str:
    """Where a server listens: `unix:/path` or `tcp://host:port`."""
    value = text(name, default)
    if not re.fullmatch(r"unix:/\S+|tcp://([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}", value):
        raise ImproperlyConfigured(f"{name} must be unix:/path or tcp://host:port.")
    return value


def database(name: str, address: str) -> dict[str, Any]:
    """Django's form of a database's address; `name` is the setting it came from."""
    return _read(name, lambda: dict[str, Any](dj_database_url.parse(address)))


def _read(name: str, reader: Callable[[], T]) -> T:
    try:
        return reader()
    except (EnvError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} is not understood: .env.example shows its form.") from error
