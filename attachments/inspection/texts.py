"""Text: valid UTF-8 without NUL from the first byte to the last, and nothing that is run or rendered when opened."""

import codecs
import re

import puremagic

from attachments.inspection.kinds import TEXTS, Kind
from attachments.inspection.passage import Passage
from attachments.inspection.refusals import UnsupportedFile

# What browsers take for a page (WHATWG MIME Sniffing, 7.1) and for XML, of which SVG, XHTML and style sheets with
# scripts are made; scripts by their first line; saved pages and mails by their header.
_PAGE = re.compile(
    rb"<(?:!--|!doctype|\?|%"
    rb"|/?(?:a|b|body|br|div|font|form|frameset|h1|head|html|iframe|img|link|meta|object|p|script|style|svg|table|title)"
    rb"[\s/>])",
    re.IGNORECASE,
)
_SCRIPT = re.compile(rb"#!|@echo\s|%!|\[(?:Desktop Entry|InternetShortcut|autorun)\]", re.IGNORECASE)
_SAVED_PAGE = re.compile(rb"^(?:MIME-Version|Content-Type|Content-Location)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_SPACE = b" \t\r\n\f\v"

AS_UTF8 = "Save it as UTF-8 (Excel: CSV UTF-8)."

# Programs and pages that are text as well, of which puremagic knows many a first line.
_RUN_OR_RENDERED = re.compile(
    r"text/(?:html|x-python|x-tcl|x-lua|x-ms-regedit|vbscript|javascript)|image/(?:svg\+xml|x-eps)"
    r"|application/(?:postscript|xml|xhtml\+xml|javascript|x-(?:awk|perl|php|ruby|shellscript|executable|desktop|mswinurl)"
    r"|vnd\.microsoft\.portable-executable|mac-binhex40|binhex)"
)
_LEAST_SIGNATURE = 8


def texts(head: bytes) -> tuple[Kind, ...]:
    """All kinds of text when `head`, the first bytes of a file, is harmless text; none otherwise. Nothing is text."""
    if not _is_utf8(head):
        return ()
    start = head.removeprefix(codecs.BOM_UTF8).lstrip(_SPACE)
    if _PAGE.match(start) or _SCRIPT.match(start) or _SAVED_PAGE.search(head) or _known_to_puremagic(start):
        return ()
    return TEXTS


def _is_utf8(head: bytes) -> bool:
    """`head` may end in the middle of a character."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _known_to_puremagic(start: bytes) -> bool:
    """Whether puremagic knows the first bytes as those of something that is run or rendered.

    It is trusted to refuse, by signatures of at least 8 bytes at the very beginning: shorter ones ("This is ",
    "Version ", "import ") are the words of ordinary letters. It is never trusted to accept: its confidence is the
    length of the signature, it does not look behind that, and what it knows changes with its releases. Every kind on
    our list has a test of its own.
    """
    if not start:
        return False
    try:
        matches = puremagic.magic_string(start[:512])
    except puremagic.PureError:
        return False
    return any(
        match.offset == 0 and len(match.byte_match) >= _LEAST_SIGNATURE and _RUN_OR_RENDERED.fullmatch(match.mime_type)
        for match in matches
    )


class TextPassage(Passage):
    """Lets text through, and refuses it where it stops being text."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def update(self, data: bytes) -> bytes:
        self._check(data, final=False)
        return data

    def finish(self) -> bytes:
        self._check(b"", final=True)
        return b""

    def _check(self, data: bytes, *, final: bool) -> None:
        if b"\0" in data:
            raise UnsupportedFile(f"Text has no NUL characters in it. {AS_UTF8}")
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise UnsupportedFile(f"Text has to be UTF-8. {AS_UTF8}") from error
