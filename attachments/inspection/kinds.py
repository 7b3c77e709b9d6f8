"""The list of what is accepted. Whatever is not on it is refused; there is no list of what is bad behind it.

A kind is found in the content (`heads`); the type a client declares and the ending of the name may only agree with it.
`declared` holds the names under which browsers and systems send that kind, the right one among them: Windows, for
one, calls a CSV file by the name of Excel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Family = Literal["image", "video", "audio", "document", "text"]


@dataclass(frozen=True)
class Kind:
    """What a file is. `decodes`: the server reads its pixels, removes its metadata and makes a thumbnail."""

    mime: str
    family: Family
    decodes: bool = False


@dataclass(frozen=True)
class Accepted:
    """One line of the list: a kind, how names of it end, and what else it is called when it is declared."""

    kind: Kind
    endings: frozenset[str]
    declared: frozenset[str]


def _accepted(mime: str, family: Family, endings: str, aliases: str = "", *, decodes: bool = False) -> Accepted:
    return Accepted(Kind(mime, family, decodes), frozenset(endings.split()), frozenset([mime, *aliases.split()]))


_OPENXML = "application/vnd.openxmlformats-officedocument."
_OPENDOCUMENT = "application/vnd.oasis.opendocument."

_LIST = (
    # Of pictures only those whose metadata can be removed: a HEIC or TIFF would carry the place it was taken at.
    _accepted("image/jpeg", "image", "jpg jpeg jpe jfif", "image/jpg image/pjpeg", decodes=True),
    _accepted("image/png", "image", "png apng", "image/apng image/x-png", decodes=True),
    _accepted("image/gif", "image", "gif", decodes=True),
    _accepted("image/webp", "image", "webp", decodes=True),
    _accepted("image/bmp", "image", "bmp dib", "image/x-ms-bmp image/x-bmp"),
    _accepted("application/pdf", "document", "pdf", "application/x-pdf"),
    _accepted("application/rtf", "document", "rtf", "text/rtf application/x-rtf text/richtext application/msword"),
    _accepted("application/msword", "document", "doc dot", "application/vnd.ms-word"),
    _accepted("application/vnd.ms-excel", "document", "xls xlt", "application/msexcel application/x-msexcel"),
    _accepted("application/vnd.ms-powerpoint", "document", "ppt pps pot", "application/mspowerpoint"),
    _accepted(_OPENXML + "wordprocessingml.document", "document", "docx"),
    _accepted(_OPENXML + "spreadsheetml.sheet", "document", "xlsx"),
    _accepted(_OPENXML + "presentationml.presentation", "document", "pptx"),
    _accepted(_OPENDOCUMENT + "text", "document", "odt"),
    _accepted(_OPENDOCUMENT + "spreadsheet", "document", "ods"),
    _accepted(_OPENDOCUMENT + "presentation", "document", "odp"),
    _accepted(_OPENDOCUMENT + "graphics", "document", "odg"),
    _accepted("audio/mpeg", "audio", "mp3 mp2 mpga", "audio/mp3 audio/x-mp3 audio/x-mpeg audio/mpeg3"),
    _accepted("audio/mp4", "audio", "m4a m4b mp4", "audio/x-m4a audio/m4a audio/aac video/mp4"),
    _accepted("audio/aac", "audio", "aac", "audio/x-aac audio/aacp audio/vnd.dlna.adts audio/x-hx-aac-adts"),
    _accepted("audio/wav", "audio", "wav wave", "audio/x-wav audio/wave audio/vnd.wave audio/x-pn-wav"),
    _accepted("audio/ogg", "audio", "ogg oga opus spx", "audio/opus audio/vorbis application/ogg video/ogg"),
    _accepted("audio/webm", "audio", "webm weba", "video/webm"),
    _accepted("audio/flac", "audio", "flac", "audio/x-flac"),
    _accepted("audio/aiff", "audio", "aif aiff aifc", "audio/x-aiff"),
    _accepted("audio/amr", "audio", "amr 3ga", "audio/amr-wb audio/3gpp"),
    _accepted("video/mp4", "video", "mp4 m4v", "video/x-m4v application/mp4"),
    _accepted("video/quicktime", "video", "mov qt"),
    _accepted("video/3gpp", "video", "3gp 3gpp 3g2", "video/3gpp2 audio/3gpp audio/3gpp2 video/mp4"),
    _accepted("video/webm", "video", "webm"),
    _accepted("video/x-matroska", "video", "mkv", "video/matroska audio/x-matroska application/x-matroska"),
    _accepted("video/ogg", "video", "ogv ogg", "application/ogg"),
    _accepted("video/x-msvideo", "video", "avi", "video/avi video/msvideo"),
    _accepted("text/plain", "text", "txt text log asc hl7 yaml yml", "text/x-log application/yaml text/yaml"),
    _accepted(
        "text/csv",
        "text",
        "csv tsv tab",
        "text/plain application/csv text/x-csv application/vnd.ms-excel text/tab-separated-values"
        " text/comma-separated-values",
    ),
    _accepted("text/markdown", "text", "md markdown", "text/plain text/x-markdown"),
    _accepted("text/calendar", "text", "ics ical", "text/plain"),
    _accepted("text/vcard", "text", "vcf vcard", "text/plain text/x-vcard text/directory"),
    _accepted("application/json", "text", "json geojson", "text/plain text/json"),
)

ACCEPTED = {one.kind.mime: one for one in _LIST}
KNOWN_ENDINGS = frozenset().union(*(one.endings for one in _LIST))
_DECLARABLE = frozenset().union(*(one.declared for one in _LIST))
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-unknown"})

_TEXT_ENDINGS = frozenset().union(*(one.endings for one in _LIST if one.kind.family == "text"))
TEXTS = tuple(one.kind for one in _LIST if one.kind.family == "text")


def kinds(*mimes: str) -> tuple[Kind, ...]:
    """Lines of the list by their names; a KeyError is a mistake in this package."""
    return tuple(ACCEPTED[mime].kind for mime in mimes)


@dataclass(frozen=True)
class Claim:
    """What the client says of a file: the type it declares and how the name ends, either `""` when it says nothing."""

    declared: str
    ending: str

    @classmethod
    def of(cls, declared: str | None, ending: str) -> "Claim":
        """`declared` as it came, parameters and all: `audio/webm;codecs=opus`."""
        mime = (declared or "").partition(";")[0].strip().lower()
        return cls("" if mime in _SAYS_NOTHING else mime, ending)

    def names_something_accepted(self) -> bool:
        """Whether it passes the file off as something that would be taken."""
        return self.declared in _DECLARABLE or self.ending in KNOWN_ENDINGS

    def says_text(self) -> bool:
        """Whether nothing but text is meant: the commonest mistake is another encoding, and can be mended."""
        return self.declared.startswith("text/") or (not self.declared and self.ending in _TEXT_ENDINGS)

    def agreeing(self, candidates: Iterable[Kind]) -> list[Kind]:
        """Those of the candidates that contradict neither half, those first whose own name was declared."""
        found = [kind for kind in candidates if self._fits(ACCEPTED[kind.mime])]
        return sorted(found, key=lambda kind: (kind.mime != self.declared, self.ending not in _endings(kind)))

    def _fits(self, line: Accepted) -> bool:
        return self.declared in {"", *line.declared} and self.ending in {"", *line.endings}


def _endings(kind: Kind) -> frozenset[str]:
    return ACCEPTED[kind.mime].endings
