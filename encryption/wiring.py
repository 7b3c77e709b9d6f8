"""What this package needs from those to its right: they set these names in their AppConfig.ready().

Keys are changed by commands, and every change has its entry in the audit log.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NoReturn


def not_wired(*args: object, **kwargs: object) -> NoReturn:
    """Stands where something has yet to be handed over."""
    raise RuntimeError("this function of encryption.wiring has not been handed over")


transaction: Callable[[], AbstractContextManager[None]] = not_wired
"""A transaction whose audit entries are written just before it commits. By audit."""

record: Callable[[str, Mapping[str, Any]], None] = not_wired
"""Verb and details: an entry in the name of the server itself, inside `transaction()`. By audit."""

signatures: dict[str, Callable[[], Mapping[str, int]]] = {}
"""What is signed by keys derived from master keys, by its name for people (`entries of the audit log`): how much of it
under each id. A master key that wraps nothing any more is still needed to verify these."""
