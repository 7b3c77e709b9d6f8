"""PNG (W3C, third edition) without what was told about it: the chunks that stay are listed, all others go.

What stays: the pixels, also of an animation, how they are to be coloured, and of an `eXIf` chunk the orientation.
Texts, times, EXIF, XMP and every chunk that somebody made up do not; nor does what follows the end.
"""

import zlib

from attachments.inspection.flow import Cleaner, Steps
from attachments.inspection.orientation import UPRIGHT, minimal_tiff, orientation
from attachments.inspection.profiles import profile_size
from attachments.inspection.refusals import Damaged

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD, _END, _DATA, _EXIF, _PROFILE = b"IHDR", b"IEND", b"IDAT", b"eXIf", b"iCCP"
_LONGEST = 0x7FFFFFFF
# What stays, and how long each may be: in one that is longer somebody could write.
_KEPT = {_DATA: _LONGEST, b"fdAT": _LONGEST, _END: 0, b"PLTE": 768, b"tRNS": 256, b"acTL": 8, b"fcTL": 26} | {
    b"cHRM": 32,
    b"gAMA": 4,
    b"sBIT": 4,
    b"sRGB": 1,
    b"cICP": 4,
    b"mDCV": 24,
    b"cLLI": 8,
    b"bKGD": 6,
    b"pHYs": 9,
}
_MOST_EXIF = 64 * 1024
_MOST_PROFILE, _MOST_UNPACKED = 256 * 1024, 2 << 20
_PROFILE_NAME = b"ICC Profile\0\0"  # in place of the one it has; and how it is compressed


class PngCleaner(Cleaner):
    def _picture(self) -> Steps[None]:
        if (yield from self._take(8)) != _SIGNATURE:
            raise Damaged
        self._put(_SIGNATURE)
        yield from self._head()
        has_data = False
        while (kind := (yield from self._chunk())) != _END:
            self._step()
            has_data = has_data or kind == _DATA
        if not has_data:
            raise Damaged

    def _head(self) -> Steps[None]:
        whole = yield from self._take(25)
        if whole[:8] != b"\0\0\0\x0d" + _HEAD:
            raise Damaged
        self._measure(int.from_bytes(whole[8:12], "big"), int.from_bytes(whole[12:16], "big"))
        self._put(whole)

    def _chunk(self) -> Steps[bytes]:
        """Passes one chunk on, or lets it go; its kind."""
        head = yield from self._take(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if length > _LONGEST or not kind.isalpha():
            raise Damaged
        if length <= _KEPT.get(kind, -1):
            self._put(head)
            yield from self._copy(length + 4)
        elif kind == _EXIF:
            yield from self._exif(length)
        elif kind == _PROFILE and length <= _MOST_PROFILE:
            yield from self._profile(length)
        elif kind[:1].isupper():
            raise Damaged  # a chunk that decoders must know (13.2), and none does
        else:
            yield from self._skip(length + 4)
        return kind

    def _exif(self, length: int) -> Steps[None]:
        start = yield from self._take(min(length, _MOST_EXIF))
        yield from self._skip(length - len(start) + 4)
        self.turned = value = orientation(start)
        if value != UPRIGHT:
            self._put_chunk(_EXIF, minimal_tiff(value))

    def _profile(self, length: int) -> Steps[None]:
        payload = yield from self._take(length)
        yield from self._skip(4)
        _, _, packed = payload.partition(b"\0")  # its name
        if _is_profile(packed[1:]):
            self._put_chunk(_PROFILE, _PROFILE_NAME + packed[1:])

    def _put_chunk(self, kind: bytes, payload: bytes) -> None:
        self._put(len(payload).to_bytes(4, "big") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "big"))


def _is_profile(packed: bytes) -> bool:
    """Whether this is a profile and nothing else, before it unfolds or behind that."""
    unpacking = zlib.decompressobj()
    try:
        profile = unpacking.decompress(packed, _MOST_UNPACKED)
    except zlib.error:
        return False
    return unpacking.eof and not unpacking.unused_data and profile_size(profile) == len(profile)
