"""The one thing of a picture's EXIF data that stays: which way up it is.

Exif 3.0 (CIPA DC-008), which is a TIFF 6.0 structure: a byte order, then directories of 12-byte entries.
"""

from struct import Struct
from typing import Literal

EXIF_SIGNATURE = b"Exif\0\0"
"""What stands before the TIFF structure in a JPEG, and by mistake in some WebP and PNG files."""

_ORIENTATION = 0x0112
_SHORT = 3
_MOST_ENTRIES = 512
UPRIGHT = 1
FIRST_SIDEWAYS = 5
"""From here on rows are columns."""

_MINIMAL = Struct(">4sIHHHIHHI")  # byte order and start; how many entries, the one entry; no second directory
TIFF_BYTES = _MINIMAL.size


def orientation(tiff: bytes) -> int:
    """1 to 8 (Exif 3.0, 4.6.5.1.6) as the first directory of `tiff` says; 1, upright, when it says nothing sensible.

    `tiff` may be the beginning of the structure only; a directory beyond it is not found.
    """
    tiff = tiff.removeprefix(EXIF_SIGNATURE)
    order = _byte_order(tiff)
    if order is None:
        return UPRIGHT
    start = int.from_bytes(tiff[4:8], order)
    count = min(int.from_bytes(tiff[start : start + 2], order), _MOST_ENTRIES)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        entry = tiff[at : at + 12]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == _ORIENTATION:
            return _sensible(entry, order)
    return UPRIGHT


def minimal_tiff(value: int) -> bytes:
    """A TIFF structure of 26 bytes that says the orientation and nothing else."""
    entry = (
        _ORIENTATION.to_bytes(2, "big") + _SHORT.to_bytes(2, "big") + b"\0\0\0\1" + value.to_bytes(2, "big") + b"\0\0"
    )
    return b"MM\0\x2a\0\0\0\x08" + b"\0\1" + entry + b"\0\0\0\0"


def _byte_order(tiff: bytes) -> Literal["little", "big"] | None:
    if tiff[:4] == b"II\x2a\0":
        return "little"
    return "big" if tiff[:4] == b"MM\0\x2a" else None


def _sensible(entry: bytes, order: Literal["little", "big"]) -> int:
    # The type is not looked at: a SHORT and a LONG of the file's own order both begin with the value here, except a
    # big-endian LONG, and no camera writes one.
    value = int.from_bytes(entry[8:10], order)
    return value if 1 <= value <= 8 else UPRIGHT
