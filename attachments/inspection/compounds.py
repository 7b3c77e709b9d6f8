"""Office documents of the years before 2007: compound files (MS-CFB), told apart by the streams they list.

The list may lie anywhere in the file. Its entries have 128 bytes each and stand at multiples of 128, so they are
recognised as they pass.
"""

from collections.abc import Sequence

from attachments.inspection.kinds import Kind, kinds
from attachments.inspection.passage import Passage
from attachments.inspection.refusals import UnsupportedFile

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
COMPOUNDS = kinds("application/msword", "application/vnd.ms-powerpoint", "application/vnd.ms-excel")

_ENTRY_BYTES = 128
_NAME_BYTES, _TYPE_AT = 64, 66
_USED = frozenset({1, 2, 5})  # storage, stream, root

_MAIN_STREAMS = {
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
}
_MACROS = frozenset({"_VBA_PROJECT", "_VBA_PROJECT_CUR", "VBA"})
_ENCRYPTED = frozenset({"EncryptedPackage", "EncryptionInfo"})
_NAMES = {name.encode("utf-16-le"): name for name in (*_MAIN_STREAMS, *_MACROS, *_ENCRYPTED)}


class CompoundPassage(Passage):
    """Lets the file through and notes which of the streams it knows are listed."""

    def __init__(self) -> None:
        super().__init__()
        self._rest = b""
        self._streams: set[str] = set()

    def update(self, data: bytes) -> bytes:
        waiting = self._rest + data
        whole = len(waiting) - len(waiting) % _ENTRY_BYTES
        self._note(waiting[:whole])
        self._rest = waiting[whole:]
        return data

    def narrow(self, kinds: Sequence[Kind]) -> Sequence[Kind]:
        """Those of `kinds` whose stream is there: several, when one document is embedded in another. Raises
        UnsupportedFile for macros and for what is encrypted."""
        if self._streams & _MACROS:
            raise UnsupportedFile("The document has macros in it. Save it without them.")
        if self._streams & _ENCRYPTED:
            raise UnsupportedFile("The document is encrypted and cannot be scanned. Send it without a password.")
        found = {_MAIN_STREAMS[name] for name in self._streams if name in _MAIN_STREAMS}
        return [kind for kind in kinds if kind.mime in found]

    def _note(self, entries: bytes) -> None:
        for encoded, name in _NAMES.items():
            at = entries.find(encoded)
            while at >= 0:
                if at % _ENTRY_BYTES == 0 and _is_entry(entries[at : at + _ENTRY_BYTES], encoded):
                    self._streams.add(name)
                    break
                at = entries.find(encoded, at + 2)


def _is_entry(entry: bytes, name: bytes) -> bool:
    size = int.from_bytes(entry[_NAME_BYTES : _NAME_BYTES + 2], "little")
    return size == len(name) + 2 and entry[_TYPE_AT] in _USED
