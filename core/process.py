"""What a process with keys in its memory does first."""

import ctypes
import os
import resource
import sys
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

_PR_SET_DUMPABLE = 4

preconditions: list[Callable[[], None]] = []
"""What must hold, or is made, before a process serves or works; apps add theirs in `ready()`. Each raises
ImproperlyConfigured with the sentence that says why it does not start."""


def require_preconditions() -> None:
    """Before the first request or task. Raises ImproperlyConfigured, or CommandError when the database is not there."""
    try:
        for require in preconditions:
            require()
    except (DatabaseError, ObjectDoesNotExist) as error:
        raise CommandError(f"The database is not ready ({type(error).__name__}): has `migrate` been run?") from error
    finally:
        connection.close()


def no_core_dumps() -> None:
    """From now on a crash writes no memory image, which would hold every key; raises OSError when that cannot be had.

    The size limit alone is not enough on Linux: it does not bind a crash handler that is fed through a pipe
    (core(5)). A process that is not dumpable is also closed to debuggers of its own user.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
