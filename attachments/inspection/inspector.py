"""One file on its way in: what it is, whether it is taken, and what of it is stored."""

from collections.abc import Callable
from dataclasses import dataclass

from attachments.inspection import compounds
from attachments.inspection.compounds import CompoundPassage
from attachments.inspection.gif import GifCleaner
from attachments.inspection.heads import HEAD_BYTES, recognise
from attachments.inspection.jpeg import JpegCleaner
from attachments.inspection.kinds import KNOWN_ENDINGS, Claim, Kind
from attachments.inspection.names import ending_of
from attachments.inspection.packages import PackagePassage
from attachments.inspection.passage import Passage
from attachments.inspection.png import PngCleaner
from attachments.inspection.refusals import TypeMismatch, UnsupportedFile
from attachments.inspection.texts import AS_UTF8, TextPassage
from attachments.inspection.webp import WebpCleaner

_CLEANERS: dict[str, Callable[[], Passage]] = {
    "image/jpeg": JpegCleaner,
    "image/png": PngCleaner,
    "image/gif": GifCleaner,
    "image/webp": WebpCleaner,
}
_PACKAGED = ("application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument.")


@dataclass(frozen=True)
class Found:
    """What a file turned out to be; `width` and `height` in pixels as shown, of the four kinds that are decoded."""

    kind: Kind
    width: int | None
    height: int | None


class Inspector:
    """Looks at a file while it streams: `update` with its bytes in order, in any cut, then `finish` once.

    `name` is a clean name (`names.clean_name`), `declared` the type as the client sent it. Memory is flat: the first
    8 KiB wait until it is clear what they are; of an archive the last 1 to 2 MiB are kept.

    Raises UnsupportedFile (415 `unsupported_type`) for what is not on the list, TypeMismatch (415 `type_mismatch`) when
    content, declared type and name disagree, ImageTooLarge (413): as soon as it shows, mostly within the first 8 KiB.
    After that the inspector is of no more use.
    """

    def __init__(self, name: str, declared: str | None) -> None:
        self._claim = Claim.of(declared, ending_of(name))
        self._head = bytearray()
        self._kinds: list[Kind] = []
        self._passage: Passage | None = None

    def update(self, data: bytes) -> bytes:
        """What is to be stored now: the same bytes, or of a picture those that are not metadata."""
        if self._passage is not None:
            return self._passage.update(data)
        self._head += data
        return self._begin()[1] if len(self._head) >= HEAD_BYTES else b""

    def finish(self) -> tuple[bytes, Found]:
        """The rest to be stored, and what was found."""
        passage, out = self._begin() if self._passage is None else (self._passage, b"")
        out += passage.finish()
        kinds = passage.narrow(self._kinds)
        if not kinds:
            raise TypeMismatch("The document is not of the kind that its name or its declared type says.")
        return out, Found(kinds[0], *passage.shown_size())

    def _begin(self) -> tuple[Passage, bytes]:
        """The passage for what the head shows, and what of the head is stored."""
        head = bytes(self._head)
        self._head.clear()
        self._kinds = _settled(recognise(head[:HEAD_BYTES]), self._claim)  # the same in whatever cut it came
        self._passage = _passage_for(self._kinds[0])
        return self._passage, self._passage.update(head)


def _settled(candidates: tuple[Kind, ...], claim: Claim) -> list[Kind]:
    """What of `candidates` the client may mean; raises TypeMismatch, UnsupportedFile."""
    if not candidates and claim.says_text():
        raise TypeMismatch(f"Text has to be UTF-8, and neither a page nor a script. {AS_UTF8}")
    if not candidates:
        raise TypeMismatch if claim.names_something_accepted() else UnsupportedFile
    agreeing = claim.agreeing(candidates)
    if not agreeing and claim.ending not in {"", *KNOWN_ENDINGS}:
        raise TypeMismatch(f"Files that end in .{claim.ending} are not accepted.")
    if not agreeing:
        raise TypeMismatch(f"The content is {candidates[0].mime}; the file's name or its declared type says otherwise.")
    return agreeing


def _passage_for(kind: Kind) -> Passage:
    if kind.mime in _CLEANERS:
        return _CLEANERS[kind.mime]()
    if kind.family == "text":
        return TextPassage()
    if kind in compounds.COMPOUNDS:
        return CompoundPassage()
    return PackagePassage() if kind.mime.startswith(_PACKAGED) else Passage()
