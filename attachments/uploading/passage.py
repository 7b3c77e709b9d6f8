"""One pass: what the storage reads is the upload itself, inspected, hashed, scanned and sealed on the way.

Plaintext is in memory a block at a time and nowhere else. What reaches the hash, the scanner and the storage is what
the inspection lets through, so that all three speak of the file that others will get.
"""

import io
from hashlib import sha256
from typing import Any

from attachments.inspection import Found, Inspector
from attachments.scanning import Scan
from attachments.uploading.pipe import Pipe
from encryption.files import FileSealer


class Passage(io.RawIOBase):
    """The sealed object, to be read once. In one thread.

    `read` raises what the inspection refuses (as soon as it is known), and Aborted. Once it has given the end, `size`,
    `sha256` and `found` tell of the file.
    """

    found: Found

    def __init__(self, pipe: Pipe, inspector: Inspector, sealer: FileSealer, scan: Scan) -> None:
        self._pipe, self._inspector, self._sealer, self._scan = pipe, inspector, sealer, scan
        self._hash = sha256()
        self._sealed = bytearray(sealer.header)
        self._is_at_end = False
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes, fewer only at the end; all that is left without a size."""
        wanted = None if size is None or size < 0 else size
        while not self._is_at_end and (wanted is None or len(self._sealed) < wanted):
            self._advance()
        with memoryview(self._sealed) as sealed:
            taken = bytes(sealed[:wanted])
        del self._sealed[: len(taken)]
        return taken

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _advance(self) -> None:
        block = self._pipe.get()
        if block:
            self._let_through(self._inspector.update(block))
            return
        rest, self.found = self._inspector.finish()
        self._let_through(rest)
        self._sealed += self._sealer.finish()
        self._is_at_end = True

    def _let_through(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            self._hash.update(data)
            self._scan.write(data)
            self._sealed += self._sealer.update(data)
