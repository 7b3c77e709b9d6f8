"""WebP (RFC 9649) without what was told about it.

The first bytes of a RIFF file say how long all of it is, and are stored before anybody knows what will be removed. So
nothing is removed: what goes is overwritten with zeros, in a chunk of the same length that readers skip. An EXIF chunk
stays one, and says nothing but the orientation.
"""

from attachments.inspection.flow import Cleaner, Steps
from attachments.inspection.orientation import TIFF_BYTES, minimal_tiff, orientation
from attachments.inspection.profiles import PROFILE_HEAD_BYTES, profile_size
from attachments.inspection.refusals import Damaged

_EXTENDED, _LOSSY, _LOSSLESS, _EXIF, _XMP, _FILLER = b"VP8X", b"VP8 ", b"VP8L", b"EXIF", b"XMP ", b"JUNK"
_PROFILE = b"ICCP"
_KEPT = frozenset({_LOSSY, _LOSSLESS, b"ALPH", b"ANIM"})
_FRAME, _FRAME_BYTES = b"ANMF", 16
_XMP_FLAG = 0x04
_MOST_EXIF = 64 * 1024
_ZEROS = bytes(64 * 1024)


class WebpCleaner(Cleaner):
    def __init__(self) -> None:
        super().__init__()
        self._has_image = False

    def _picture(self) -> Steps[None]:
        head = yield from self._take(12)
        if head[:4] != b"RIFF" or head[8:] != b"WEBP":
            raise Damaged
        self._put(head)
        yield from self._chunks(int.from_bytes(head[4:8], "little") - 4)
        if self.width is None or not self._has_image:
            raise Damaged

    def _chunks(self, room: int, *, nested: bool = False) -> Steps[None]:
        """The chunks that fill `room` bytes: of the file, or of one frame of an animation."""
        while room >= 8:
            self._step()
            head = yield from self._take(8)
            kind, size = head[:4], int.from_bytes(head[4:], "little")
            padded = size + size % 2
            if padded > room - 8 or (nested and kind in (_FRAME, _EXTENDED)):
                raise Damaged
            yield from self._chunk(kind, head[4:], padded)
            room -= 8 + padded
        yield from self._blank(max(room, 0))

    def _chunk(self, kind: bytes, length: bytes, padded: int) -> Steps[None]:
        if kind == _EXTENDED:
            yield from self._canvas(length, padded)
        elif kind == _FRAME:
            yield from self._frame(length, padded)
        elif kind == _EXIF and padded >= TIFF_BYTES:
            yield from self._exif(length, padded)
        elif kind == _PROFILE:
            yield from self._profile(length, padded)
        elif kind in _KEPT:
            yield from self._pixels(kind, length, padded)
        else:
            self._put(_FILLER + length)
            yield from self._blank(padded)

    def _profile(self, length: bytes, padded: int) -> Steps[None]:
        start = yield from self._take(min(padded, PROFILE_HEAD_BYTES))
        if profile_size(start) == int.from_bytes(length, "little"):
            self._put(_PROFILE + length + start)
            yield from self._copy(padded - len(start))
        else:
            self._put(_FILLER + length + bytes(len(start)))
            yield from self._blank(padded - len(start))

    def _canvas(self, length: bytes, padded: int) -> Steps[None]:
        if padded != 10 or self.width is not None:
            raise Damaged
        payload = yield from self._take(padded)
        self._measure(*_two_sizes(payload, 4))
        self._put(_EXTENDED + length + bytes([payload[0] & ~_XMP_FLAG]) + payload[1:])

    def _frame(self, length: bytes, padded: int) -> Steps[None]:
        """A frame of an animation: 16 bytes about its place and time, then chunks of its own."""
        if padded < _FRAME_BYTES:
            raise Damaged
        placed = yield from self._take(_FRAME_BYTES)
        self._bound(*_two_sizes(placed, 6))
        self._put(_FRAME + length + placed)
        yield from self._chunks(padded - _FRAME_BYTES, nested=True)

    def _pixels(self, kind: bytes, length: bytes, padded: int) -> Steps[None]:
        start = yield from self._take(min(padded, 10))
        if kind in (_LOSSY, _LOSSLESS):
            self._has_image = True
            self._size_of(kind, start)
        self._put(kind + length + start)
        yield from self._copy(padded - len(start))

    def _size_of(self, kind: bytes, start: bytes) -> None:
        """The size a bitstream itself names (RFC 6386, 9.1; RFC 9649, 3.4): decoders go by it, whatever the canvas."""
        if kind == _LOSSY and start[3:6] == b"\x9d\x01\x2a":
            width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        elif kind == _LOSSLESS and start[:1] == b"\x2f":
            bits = int.from_bytes(start[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        else:
            raise Damaged
        if self.width is None:
            self._measure(width, height)
        self._bound(width, height)

    def _exif(self, length: bytes, padded: int) -> Steps[None]:
        start = yield from self._take(min(padded, _MOST_EXIF))
        self.turned = orientation(start)
        kept = minimal_tiff(self.turned)
        self._put(_EXIF + length + kept + bytes(len(start) - len(kept)))
        yield from self._blank(padded - len(start))

    def _blank(self, count: int) -> Steps[None]:
        """Zeros in place of what passes by."""
        while count:
            part = min(count, len(_ZEROS), self._in_hand())
            yield from self._skip(part) if part else self._more()
            self._put(_ZEROS[:part])
            count -= part


def _two_sizes(payload: bytes, at: int) -> tuple[int, int]:
    """Width and height as three bytes each, less one."""
    width, height = (int.from_bytes(payload[start : start + 3], "little") + 1 for start in (at, at + 3))
    return width, height
