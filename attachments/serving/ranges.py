"""Which bytes a request asks for: one range at most (RFC 9110, 14).

Several ranges in one request would be several parts in one answer, and a thousand overlapping ones a cheap attack;
players ask for one. Without validators (there is no ETag: a link's file never changes) `If-Range` never matches, and
then the whole is sent, as its rule has it.
"""

import re
from typing import NamedTuple

from attachments.refusals import RangeNotSatisfiable

_UNIT = re.compile(r"bytes[ \t]*=[ \t]*(.*)", re.IGNORECASE)
_ONE = re.compile(r"([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Asked(NamedTuple):
    """The bytes `start` … `stop` - 1 of a file of `size`; `partial` when that is the answer to a range."""

    start: int
    stop: int
    size: int
    partial: bool

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def asked(range_header: str | None, if_range: str | None, size: int) -> Asked:
    """What this request is to get of a file of `size` bytes.

    Raises RangeNotSatisfiable for a range outside of it, a reversed one, more than one, and what is none. A unit that
    nobody here knows is as if it had not been sent.
    """
    unit = None if range_header is None or if_range is not None else _UNIT.fullmatch(range_header.strip())
    if unit is None:
        return Asked(0, size, size, False)
    one = _ONE.fullmatch(unit[1].strip())
    if one is None or not (one[1] or one[2]):
        raise RangeNotSatisfiable(size)
    start, stop = _bounds(one[1], one[2], size)
    if not 0 <= start < stop:
        raise RangeNotSatisfiable(size)
    return Asked(start, stop, size, True)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size
    stop = min(int(last) + 1, size) if last else size
    return int(first), stop
