"""What is being written, as the libraries of the providers want to read it."""

import io
import sys
from typing import BinaryIO

from attachments.storage.contract import PART


class Arriving(io.RawIOBase):
    """A stream that is read once, forwards, in full blocks.

    Sources give what has just arrived. The libraries take a short block for the end, or send it as a part that is too
    small for the provider; so here a block is only short at the end.

    An exception of the source is kept in `error`: libraries wrap it in their own, and one that looks like a network's
    would pass for the storage's.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._position = 0
        self.error: BaseException | None = None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = sys.maxsize if size is None or size < 0 else size
        block = bytearray()
        while len(block) < wanted and (data := self._next(min(wanted - len(block), PART))):
            block += data
        self._position += len(block)
        return bytes(block)

    def _next(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise
