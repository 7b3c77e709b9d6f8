"""Office documents that are zip archives: OOXML (ECMA-376) and OpenDocument (ISO/IEC 26300). Other archives are not.

What an archive holds is listed at its end, so the first entry decides whether it may be a document at all, and the
list, when it has come, which one it is. A bare archive is refused at its first bytes.
"""

import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from struct import Struct
from typing import NamedTuple

from attachments.inspection.kinds import ACCEPTED, Kind, kinds
from attachments.inspection.passage import Passage
from attachments.inspection.refusals import UnsupportedFile

SIGNATURE = b"PK\x03\x04"
_OPENXML = "application/vnd.openxmlformats-officedocument."
_MAIN_FOLDERS = {
    "word/": _OPENXML + "wordprocessingml.document",
    "xl/": _OPENXML + "spreadsheetml.sheet",
    "ppt/": _OPENXML + "presentationml.presentation",
}
_CONTENTS = "[Content_Types].xml"
# With what writers of OOXML begin: the first entry may be any part.
_FIRST = (_CONTENTS, "_rels/", "docProps/", "customXml/", *_MAIN_FOLDERS)
_OPENDOCUMENT = "application/vnd.oasis.opendocument."
_MIMETYPE = "mimetype"

_LOCAL = Struct("<4s5H3I2H")  # APPNOTE.TXT, 4.3.7
_ENCRYPTED = 0x0001
_MOST_NAME = 512

LIST_BYTES = 1 << 20
"""How much of the end is kept. The list of a document with 10,000 parts fits in it."""

_MACROS = ("vbaproject.bin", "vbadata.xml")
_MACRO_FOLDERS = ("xl/macrosheets/", "basic/", "scripts/")


class _First(NamedTuple):
    name: str
    encrypted: bool
    content: bytes
    """As far as it is in the head; only of an entry that is stored as it is."""


def packages(head: bytes) -> tuple[Kind, ...]:
    """Which documents the archive that begins with `head` may be; none when it is a bare archive."""
    first = _first_entry(head)
    if first is None or first.encrypted:
        return ()
    if first.name == _MIMETYPE:
        mime = first.content.decode("ascii", "replace")
        return kinds(mime) if mime in ACCEPTED and mime.startswith(_OPENDOCUMENT) else ()
    return kinds(*_MAIN_FOLDERS.values()) if first.name.startswith(_FIRST) else ()


def _first_entry(head: bytes) -> _First | None:
    if not head.startswith(SIGNATURE) or len(head) < _LOCAL.size:
        return None
    _, _, flags, method, _, _, _, _, size, name_bytes, extra_bytes = _LOCAL.unpack_from(head)
    if name_bytes > _MOST_NAME:
        return None
    at = _LOCAL.size + name_bytes
    content = head[at + extra_bytes :][:size] if method == zipfile.ZIP_STORED else b""
    return _First(head[_LOCAL.size : at].decode(errors="replace"), bool(flags & _ENCRYPTED), content)


class PackagePassage(Passage):
    """Lets the archive through and keeps its end, where the list is."""

    def __init__(self) -> None:
        super().__init__()
        self._end = bytearray()

    def update(self, data: bytes) -> bytes:
        self._end += data
        if len(self._end) > 2 * LIST_BYTES:
            del self._end[:-LIST_BYTES]
        return data

    def narrow(self, kinds: Sequence[Kind]) -> Sequence[Kind]:
        """Those of `kinds` whose main part is listed. Raises UnsupportedFile for macros, encrypted parts, no list."""
        entries = _listed(bytes(self._end))
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise UnsupportedFile("The document is encrypted and cannot be scanned. Send it without a password.")
        names = {entry.filename for entry in entries}
        _refuse_macros(name.lower() for name in names)
        return [kind for kind in kinds if _is_listed(kind, names)]


def _listed(end: bytes) -> list[zipfile.ZipInfo]:
    """The list, read by the standard library: it looks for it from the end, and reads nothing else."""
    try:
        with zipfile.ZipFile(BytesIO(end)) as archive:
            return archive.infolist()
    # NotImplementedError: an entry asks for a version of the format that the library does not know.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, OSError) as error:
        raise UnsupportedFile("The document is damaged: the list of its parts cannot be read.") from error


def _refuse_macros(names: Iterable[str]) -> None:
    if any(name.endswith(_MACROS) or name.startswith(_MACRO_FOLDERS) for name in names):
        raise UnsupportedFile("The document has macros in it. Save it without them.")


def _is_listed(kind: Kind, names: set[str]) -> bool:
    if kind.mime.startswith(_OPENDOCUMENT):
        return {_MIMETYPE, "content.xml"} <= names
    folder = next(folder for folder, mime in _MAIN_FOLDERS.items() if mime == kind.mime)
    return _CONTENTS in names and any(name.startswith(folder) for name in names)
