"""What every store of files promises, and the two ways in which it can fail."""

import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from core.errors import AppError, Unavailable

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Seconds until a provider that does not answer counts as gone, for each request."""

RETRY_FOR = 10.0
"""Seconds in which Google's library may repeat a request that failed. The others repeat it once."""

BLOCK = 5 * 1024 * 1024
"""Bytes that are held in memory and sent at once while an object is written. The least that S3 takes as a part of an
upload whose length is not known at its start; a multiple of the 256 KiB that Google asks for."""

PART = 256 * 1024
"""Bytes handed on at once."""

WINDOW = PART
"""Bytes that are asked for at once while an object is read. A connection to the provider is never held for somebody
who reads slowly, and a request that fails half way is small enough to be made again. Not more than is handed on: what
was read and not yet taken stays in memory for as long as a slow reader likes."""

_KEY = re.compile(r"[0-9a-f]{32}")


class StorageUnavailable(Unavailable):
    """Nothing is known of the object: the provider may have done what it was asked, or may do it in a moment, without
    our hearing of it. Even so an object is there whole or not at all."""

    code, title = "storage_unavailable", "The storage of files does not answer."

    def __init__(self) -> None:
        super().__init__(retry_after_ms=5000)


class ObjectGone(AppError):
    """The storage answers, and has no such object. Nobody who keeps to the rules takes one away that is still named."""

    status, code, title = 502, "integrity_error", "The stored file is damaged or missing."


class ObjectStore(Protocol):
    """Objects by name. A name is 32 digits of lower-case hexadecimal (`new_key`) and is given to one object only;
    anything else is a ValueError. Safe to use from many threads at once."""

    def write(self, key: str, source: BinaryIO) -> None:
        """Keep everything that `source.read(n)` gives until it gives b"". Memory stays flat, whatever the length.

        Half an object is never there: not when the storage fails (StorageUnavailable), nor when the source does, whose
        own exception is raised unchanged. After StorageUnavailable the object has to be deleted, once the storage
        answers again: only the last answer may have been lost, and parts may have been kept.
        """

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The object's bytes from `start` up to, and without, `stop`, in parts of up to 256 KiB.

        Of an object that ends before `stop`, what there is. Nothing is asked before the first part is, so that is when
        ObjectGone comes; StorageUnavailable can come with any of them.
        """

    def size(self, key: str) -> int:
        """The object's length in bytes; raises ObjectGone or StorageUnavailable."""

    def delete(self, key: str) -> None:
        """Afterwards the object is not there, nor anything left of an attempt to write it. It may have been missing
        before. Raises StorageUnavailable, and then it has to be asked again."""


def checked(key: str) -> str:
    """The key itself. No key of another form reaches a path or an address."""
    if not _KEY.fullmatch(key):
        raise ValueError("a key of the storage is 32 digits of lower-case hexadecimal")
    return key
