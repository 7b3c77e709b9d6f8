"""What an export waits for: stored files, read in a few threads of their own.

The walk through somebody's data is a generator that runs in threads of the database. If it waited there for a storage
that hangs, a few exports would keep everybody's messages waiting too. So where it needs what is stored it hands out a
`Fetch`, and whoever drives it has that done before it asks for more:

    fetch = Fetch(sealed, sha256)
    yield fetch
    part = fetch.part()

However many exports wait for the storage, they take none but these threads, which never touch the database.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice

from attachments.contents import opened
from attachments.opening import Sealed
from core.errors import AppError
from encryption.formats import Undecryptable

_CHUNKS_AT_ONCE = 4
"""256 KiB of each export are in memory, and as much again on its way into the socket."""

_THREADS = 3


class Fetch:
    """A stored file, a part at a time. Holds the file's key: never logged."""

    def __init__(self, sealed: Sealed, sha256: str) -> None:
        self._sealed, self._sha256 = sealed, sha256
        self._parts: Iterator[bytes] | None = None
        self._found: bytes | AppError | Undecryptable = b""

    async def done(self) -> None:
        """Have the next part at hand, or what keeps it away. Waits as long as the storage takes."""
        await asyncio.get_running_loop().run_in_executor(_pool(), self._read)

    def part(self) -> bytes:
        """What was fetched, b"" behind the end. Raises as `attachments.contents` does."""
        if isinstance(self._found, Exception):
            raise self._found
        return self._found

    def _read(self) -> None:
        try:
            if self._parts is None:
                self._parts = opened(self._sealed, self._sha256)
            self._found = b"".join(islice(self._parts, _CHUNKS_AT_ONCE))
        except (AppError, Undecryptable) as error:
            self._found = error


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="export")
