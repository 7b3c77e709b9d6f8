"""multipart/form-data as it arrives (RFC 7578): a few small fields, then one file, whose bytes are handed on.

Parsed by python-multipart. Nothing of the file is kept here; fields are few and short.
"""

from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from core.errors import FieldError, Invalid, InvalidText, UnsupportedMediaType

FILE = "file"
_MOST_FIELDS = 16
_MOST_FIELD_BYTES = 4096
_SHORTEST_BOUNDARY = 16
"""RFC 2046 would take one character. What looks like the boundary and is none takes the parser, on the event loop, the
longer the more often it fits into a file. Browsers and libraries make them of 24 to 60."""


@dataclass(frozen=True, slots=True)
class FileHead:
    """What the client says about its file: the name it has there, and the type it takes it for, if it says one."""

    name: str
    declared: str | None


class Form:
    """One form. After each `write`: `head` as soon as the file begins, `take()` for the bytes of it that came,
    `is_complete` once the last boundary was seen."""

    def __init__(self, content_type: str) -> None:
        """Raises UnsupportedMediaType for another kind of body, Invalid for one without a boundary."""
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise UnsupportedMediaType("Send the file as multipart/form-data.")
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise Invalid("The Content-Type names no boundary.")
        if len(boundary) < _SHORTEST_BOUNDARY:
            raise Invalid(f"The boundary is too short: {_SHORTEST_BOUNDARY} characters or more.")
        self.head: FileHead | None = None
        self.is_complete = False
        self._content: list[bytes] = []
        self._fields: dict[str, bytearray] = {}
        self._field: bytearray | None = None
        self._headers: dict[bytes, bytearray] = {}
        self._name, self._value = bytearray(), bytearray()
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]  # a TypedDict of theirs
        except FormParserError:
            raise Invalid("The boundary is too long.") from None

    def write(self, data: bytes) -> None:
        """More of the body. Raises Invalid for what is no form, or another form than this, and InvalidText."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise Invalid("The body is not multipart/form-data.") from None

    def take(self) -> list[bytes]:
        """The bytes of the file that have come since the last time."""
        taken, self._content = self._content, []
        return taken

    def fields(self) -> dict[str, str]:
        """The text of each field before the file, by name. Raises InvalidText for what is not UTF-8."""
        return {name: _text(bytes(raw)) for name, raw in self._fields.items()}

    # ---- What the parser calls ---------------------------------------------------------------------------------------

    def _callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._more,
            "on_end": self._end,
        }

    def _part_begins(self) -> None:
        if self.head is not None:
            raise Invalid("The file is the last part of the form.")
        self._headers.clear()

    def _header_ends(self) -> None:
        self._headers[bytes(self._name).lower()] = self._value
        self._name, self._value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._header(b"content-disposition"))
        name = _text(options.get(b"name", b""))
        if kind != b"form-data" or not name:
            raise Invalid("Each part of the form says its name: Content-Disposition: form-data; name=…")
        if name == FILE:
            self._field = None
            self.head = FileHead(_text(options.get(b"filename", b"")), self._header(b"content-type") or None)
        elif b"filename" in options:
            raise _wrong(name[:64], f"The file is sent as `{FILE}`.")
        else:
            self._begin_field(name)

    def _begin_field(self, name: str) -> None:
        if name in self._fields:
            raise _wrong(name[:64], "Send it once.")
        if len(self._fields) >= _MOST_FIELDS:
            raise Invalid("The form has too many fields.")
        self._field = self._fields[name] = bytearray()

    def _more(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._content.append(data[start:end])
        elif len(self._field) + end - start > _MOST_FIELD_BYTES:
            raise Invalid("A field of the form is too long.")
        else:
            self._field += data[start:end]

    def _end(self) -> None:
        self.is_complete = True

    def _header(self, name: bytes) -> str:
        return bytes(self._headers.get(name, b"")).decode("latin-1")


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidText("Names and texts of the form are UTF-8.") from None


def _wrong(field: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(field, "invalid", message)])
