"""JPEG (ITU-T T.81) without what was told about it: a list of segments that stay, all others go.

What stays is what the pixels need: frames, tables, scans; the bare JFIF header without its thumbnail (which shows what
was cut away), Adobe's colour transform, the colour profile, and of EXIF the orientation. Comments, XMP, IPTC, EXIF
with GPS, second pictures behind the first (MPF) and whatever follows the end do not.
"""

import re

from attachments.inspection.flow import Cleaner, Steps
from attachments.inspection.orientation import EXIF_SIGNATURE, UPRIGHT, minimal_tiff, orientation
from attachments.inspection.profiles import profile_size
from attachments.inspection.refusals import Damaged

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
START_OF_SCAN = _SOS
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})  # DHT, DAC, DQT, DNL, DRI

# In a scan 0xFF is followed by 0x00, by another 0xFF, or by a restart marker; anything else ends the scan.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

_MOST_SCANS = 64
"""Each scan of a progressive picture goes over all its coefficients; encoders make about ten. A few kilobytes with a
thousand of them keep a decoder busy for minutes."""

_JFIF, _JFIF_BYTES = b"JFIF\0", 12
_ADOBE, _ADOBE_BYTES = b"Adobe", 12
_PROFILE = b"ICC_PROFILE\0"
_PROFILE_HEAD_BYTES = len(_PROFILE) + 2  # which part it is, and of how many


class JpegCleaner(Cleaner):
    def __init__(self) -> None:
        super().__init__()
        self._scans_left = _MOST_SCANS
        self._oriented = False
        self._profile_left: int | None = None

    def _picture(self) -> Steps[None]:
        if (yield from self._take(2)) != bytes([0xFF, _SOI]):
            raise Damaged
        self._put(bytes([0xFF, _SOI]))
        while (marker := (yield from self._marker())) != _EOI:
            self._step()
            yield from self._segment(marker)
        if self.width is None or self._scans_left == _MOST_SCANS:
            raise Damaged
        self._put(bytes([0xFF, _EOI]))

    def _marker(self) -> Steps[int]:
        """The code of the next marker; it may be preceded by any number of fill bytes (T.81, B.1.1.2)."""
        if (yield from self._take(1)) != b"\xff":
            raise Damaged
        while (code := (yield from self._take(1))) == b"\xff":
            self._step()
        return code[0]

    def _segment(self, marker: int) -> Steps[None]:
        length = int.from_bytes((yield from self._take(2)), "big")
        if length < 2:
            raise Damaged
        payload = yield from self._take(length - 2)
        if marker in _FRAMES:
            self._frame(payload)
        kept = self._kept(marker, payload)
        if kept is not None:
            self._put(bytes([0xFF, marker]) + (len(kept) + 2).to_bytes(2, "big") + kept)
        if marker == _SOS:
            yield from self._scan()

    def _kept(self, marker: int, payload: bytes) -> bytes | None:
        """What stays of a segment; None when nothing does. Raises Damaged for one that has no place here."""
        if marker in _FRAMES or marker in _TABLES or marker == _SOS:
            return payload
        if _APP0 <= marker <= _APP15:
            return self._application(marker, payload)
        if marker == _COM:
            return None
        raise Damaged

    def _application(self, marker: int, payload: bytes) -> bytes | None:
        if marker == _APP0 and payload.startswith(_JFIF) and len(payload) >= _JFIF_BYTES:
            return payload[:_JFIF_BYTES] + b"\0\0"  # a thumbnail of 0 by 0 pixels
        if marker == _APP1 and payload.startswith(EXIF_SIGNATURE):
            return self._turned(orientation(payload))
        if marker == _APP2 and payload.startswith(_PROFILE):
            return self._profile(payload)
        if marker == _APP14 and payload.startswith(_ADOBE) and len(payload) >= _ADOBE_BYTES:
            return payload[:_ADOBE_BYTES]
        return None

    def _profile(self, payload: bytes) -> bytes | None:
        """A profile that is longer than a segment comes in several (ICC.1, B.4): no more than it says it has."""
        part = payload[_PROFILE_HEAD_BYTES:]
        left = profile_size(part) if self._profile_left is None else self._profile_left
        if left is None or len(part) > left:
            return None
        self._profile_left = left - len(part)
        return payload

    def _turned(self, value: int) -> bytes | None:
        if value == UPRIGHT or self._oriented:
            return None
        self._oriented = True
        self.turned = value
        return EXIF_SIGNATURE + minimal_tiff(value)

    def _frame(self, payload: bytes) -> None:
        if len(payload) < 6 or self.width is not None:
            raise Damaged  # a second frame belongs to the hierarchical mode, which nobody decodes
        self._measure(int.from_bytes(payload[3:5], "big"), int.from_bytes(payload[1:3], "big"))

    def _scan(self) -> Steps[None]:
        """Passes on what is compressed, up to the marker behind it. Data without an end never leaves this."""
        self._scans_left -= 1
        if self._scans_left < 0:
            raise Damaged("The picture has too many scans.")
        if self.width is None:
            raise Damaged
        while True:
            end = _END_OF_SCAN.search(self._buffer, self._at)
            if end is not None:
                yield from self._copy(end.start() - self._at)
                return
            # The last byte may be the first half of a marker.
            yield from self._copy(max(self._in_hand() - 1, 0))
            yield from self._more()
