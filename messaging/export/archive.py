"""A zip that is made while it is sent: neither on a disk nor in memory as a whole.

Python's zipfile writes to what cannot be read or sought, with the sizes behind each file's content (APPNOTE 4.4.4, bit
3). Here it writes into a buffer, which is emptied after each piece.
"""

from collections.abc import Generator, Iterable
from datetime import datetime
from io import RawIOBase
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from core.rest.json import dump
from messaging.export.fetching import Fetch


class Member(NamedTuple):
    """A file of the zip: its name and its content in pieces, with what has to be fetched before the next of them.
    `packed` is what is small already: it is stored as it is, because packing it again takes time and gains nothing."""

    name: str
    pieces: Iterable[bytes | Fetch]
    packed: bool = False


def json_lines(name: str, pages: Iterable[list[dict[str, Any]]]) -> Member:
    """A file of one JSON object a line, a piece for each page of them."""
    return Member(name, (b"".join(dump(line) + b"\n" for line in page) for page in pages))


def zipped(members: Iterable[Member | Fetch], moment: datetime) -> Generator[bytes | Fetch, None, None]:
    """The bytes of a zip with these files, dated `moment`: a part for each piece, which may be empty, and the end.

    What has to be fetched is handed on, and is to be `done` before the next part is asked for.
    """
    outlet = _Outlet()
    with ZipFile(outlet, "w") as archive:
        for member in members:
            if isinstance(member, Fetch):
                yield member
                continue
            with archive.open(_entry(member, moment), "w", force_zip64=True) as file:
                for piece in member.pieces:
                    if isinstance(piece, Fetch):
                        yield piece
                    else:
                        file.write(piece)
                        yield outlet.taken()
    yield outlet.taken()


def _entry(member: Member, moment: datetime) -> ZipInfo:
    entry = ZipInfo(member.name, moment.timetuple()[:6])
    entry.compress_type = ZIP_STORED if member.packed else ZIP_DEFLATED
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
