"""Typed readers of the environment: a setting is read once, by name, and a mistake is reported by that name.

Values come from the process's environment, then from `.env` under DATA_DIR. A secret `NAME` may be kept in a file
that `NAME_FILE` names, as container platforms mount them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

from core.limits import Rate

T = TypeVar("T")

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or "var").absolute()

_env = Env()
_env.read_env(str(DATA_DIR / ".env"), recurse=False)


def text(name: str, default: str = "") -> str:
    return _env.str(name, default) or default


def boolean(name: str, default: bool) -> bool:
    return _read(name, lambda: _env.bool(name, default))


def integer(name: str, default: int) -> int:
    return _read(name, lambda: _env.int(name, default))


def seconds(name: str, default: float) -> float:
    return _read(name, lambda: _env.float(name, default))


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
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from error


def _read(name: str, reader: Callable[[], T]) -> T:
    try:
        return reader()
    except (EnvError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} is not understood: see docs/operations.md for its form.") from error
