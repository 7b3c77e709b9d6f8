"""A zip of JSON lines that is made while it is sent: neither on a disk nor in memory as a whole.

Python's zipfile writes to what cannot be read or sought, with the sizes behind each file's content (APPNOTE 4.4.4, bit
3). Here it writes into a buffer, which is emptied after each page.
"""

from collections.abc import Generator, Iterable
from datetime import datetime
from io import RawIOBase
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from core.rest.json import dump

File = tuple[str, Iterable[list[dict[str, Any]]]]
"""A name, and its lines in pages."""


def zipped(files: Iterable[File], moment: datetime) -> Generator[bytes, None, None]:
    """The bytes of a zip with these files, dated `moment`: a part for each page, which may be empty, and the end."""
    outlet = _Outlet()
    with ZipFile(outlet, "w") as archive:
        for name, pages in files:
            with archive.open(_entry(name, moment), "w", force_zip64=True) as file:
                for page in pages:
                    file.write(b"".join(dump(line) + b"\n" for line in page))
                    yield outlet.taken()
    yield outlet.taken()


def _entry(name: str, moment: datetime) -> ZipInfo:
    entry = ZipInfo(name, moment.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    return entry


class _Outlet(RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        written = bytes(self._written)
        self._written.clear()
        return written
