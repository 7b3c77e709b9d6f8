"""Files in a ZIP archive that clamd passes over.

An entry may say that its size stands in a ZIP64 record (APPNOTE 4.5.3). clamd 1.4.6 does not unpack such a one, unless
it is followed by its size, and calls the archive clean. Small archives need no such record; whoever writes one hides
something, or uses a library that always does. In archives within archives this is not seen.
"""

import re

_DESCRIBED_BEHIND = 0x08
"""The bit of the flags that says that the size follows the entry."""

_PLAIN_FLAGS = b"".join(re.escape(bytes([flags])) for flags in range(256) if not flags & _DESCRIBED_BEHIND)

# Signature, version, flags; method, time, date and CRC; then the packed size, all ones (APPNOTE 4.3.7).
_ENTRY = re.compile(rb"PK\x03\x04..[" + _PLAIN_FLAGS + rb"].{11}\xff\xff\xff\xff", re.DOTALL)
_LENGTH = 22


class Zip64Watch:
    """Shown a file part by part; `has_seen` such an entry, wherever the cuts were."""

    def __init__(self) -> None:
        self.has_seen = False
        self._end = b""

    def look(self, part: bytes) -> None:
        if not self.has_seen:
            shown = self._end + part
            self.has_seen = _ENTRY.search(shown) is not None
            self._end = shown[1 - _LENGTH :]
