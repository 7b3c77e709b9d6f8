"""What a failing database means to whoever asked: decided once for requests, sockets and the writer."""

from django.db import InterfaceError, OperationalError

from core.errors import DatabaseUnavailable, StorageFull, Unavailable

_DISK_FULL = "53100"  # SQLSTATE disk_full


def as_unavailable(error: BaseException | None) -> Unavailable | None:
    """The answer for an error that says "not now": StorageFull or DatabaseUnavailable. None for any other error.

    Constraint violations, wrong statements and values out of range are none of these: they are defects, or are handled
    where they can happen.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    full = getattr(cause, "sqlstate", "") == _DISK_FULL or getattr(cause, "sqlite_errorname", "") == "SQLITE_FULL"
    return StorageFull() if full else DatabaseUnavailable()
