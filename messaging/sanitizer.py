"""What becomes of text that people type: `sanitize_content` before it is stored, `render_markdown` for HTML pages.

What was typed is what is stored, except that HTML tags are removed. This is the second wall and never the first: every
place that shows text escapes it. It must not hurt clinical text, so nothing but real tags is touched: `K<3.5 and
Na>145`, `if a<b and c>d`, `<john@hosp.org>`, `AT&T &amp; x`, line ends and emoji come back byte for byte. The known
price: a bare `<b>` in `T<b>c` is a tag and is removed.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator

import bleach
from markdown_it import MarkdownIt

from core.errors import InvalidText
from core.text import require_storable
from messaging.tags import Piece, remove_tags

# How often code is looked for again after a removal moved it. Later rounds treat code like any other text: no honest
# message needs them, and without an end they would be a way to buy quadratic time.
_ROUNDS = 8

# CommonMark 0.31: 4.5 fenced code blocks (also inside block quotes), 6.1 code spans, which end with their paragraph.
_FENCE = re.compile(r"^(?: {0,3}>)* {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\r\n]*)(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_CLOSING = re.compile(r"^(?: {0,3}>)* {0,3}(?P<fence>`{3,}|~{3,})[ \t]*\r?$", re.MULTILINE)
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)")
_TICKS = re.compile("`+")

_TAGS = frozenset({"a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"}) | {
    f"h{level}" for level in range(1, 7)
}
_LINKS = frozenset({"http", "https", "mailto"})
_markdown = MarkdownIt("commonmark", {"html": False})


def sanitize_content(text: str, format: str = "plain") -> str:
    """`text` as it is stored: without its HTML tags, otherwise byte for byte; a second call changes nothing.

    A tag is a `<…>` run whose name is an element of the HTML standard and each of whose attribute names is one of the
    standard's; of elements that load or run something, whatever their attributes are called. With `format="markdown"`
    code spans and fences are left alone.

    Raises InvalidText for NUL, other C0 controls and lone surrogates, and when nothing but white space is left.
    Time is linear in the length of the text.
    """
    clean = _clean(text, format)
    if not clean.strip():
        raise InvalidText("The text is empty.")
    return clean


def sanitize_caption(text: str, format: str = "plain") -> str:
    """The same for a text that stands beside files and may be missing: of nothing but white space nothing is left."""
    clean = _clean(text, format)
    return clean if clean.strip() else ""


def render_markdown(text: str) -> str:
    """Safe HTML for a text in `format="markdown"`, for pages and mails that are HTML.

    Raw HTML in the text is shown as text, images become links to nowhere, links are limited to http, https and mailto.
    bleach checks the renderer's result against a short list of elements, so that a fault of the one is caught by the
    other.
    """
    return bleach.clean(
        _markdown.render(text), tags=_TAGS, attributes={"a": ["href", "title"]}, protocols=_LINKS, strip=True
    )


def _clean(text: str, format: str) -> str:
    clean = require_storable(text)
    return _without_tags(clean, format) if "<" in clean and ">" in clean else clean


def _without_tags(text: str, format: str) -> str:
    for _ in range(_ROUNDS if format == "markdown" else 0):
        changed = remove_tags(_pieces(text))
        if changed == text:
            return text
        text = changed
    return remove_tags([Piece(text)])


def _pieces(text: str) -> Iterator[Piece]:
    """The text cut into code and the rest."""
    at = 0
    for begin, end in _code(text):
        yield Piece(text[at:begin])
        yield Piece(text[begin:end], code=True)
        at = end
    yield Piece(text[at:])


def _code(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for begin, end in _fences(text):
        yield from _spans(text, at, begin)
        yield begin, end
        at = end
    yield from _spans(text, at, len(text))


def _fences(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while opening := _FENCE.search(text, at):
        fence, info = opening["fence"], opening["info"]
        if fence[0] == "`" and "`" in info:
            at = opening.end()
            continue
        at = _end_of_fence(text, opening.end(), fence)
        yield opening.start(), at


def _end_of_fence(text: str, at: int, fence: str) -> int:
    """Where a fence ends: after a line of at least as many of the same sign, else with the text."""
    for closing in _CLOSING.finditer(text, at):
        if closing["fence"].startswith(fence):
            return closing.end()
    return len(text)


def _spans(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    for blank in _BLANK_LINE.finditer(text, begin, end):
        yield from _spans_of_paragraph(text, begin, blank.start())
        begin = blank.end()
    yield from _spans_of_paragraph(text, begin, end)


def _spans_of_paragraph(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """From each run of backticks to the next run of the same length."""
    runs = [run.span() for run in _TICKS.finditer(text, begin, end)]
    places: defaultdict[int, list[int]] = defaultdict(list)
    for start, stop in runs:
        places[stop - start].append(start)
    at = begin
    for start, stop in runs:
        same = places[stop - start]
        following = bisect_right(same, start)
        if start >= at and following < len(same) and not _escaped(text, start, begin):
            at = same[following] + stop - start
            yield start, at


def _escaped(text: str, at: int, begin: int) -> bool:
    """Whether an odd number of backslashes stands before `at`."""
    backslashes = at
    while backslashes > begin and text[backslashes - 1] == "\\":
        backslashes -= 1
    return (at - backslashes) % 2 == 1
