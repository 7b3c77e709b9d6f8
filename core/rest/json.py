"""JSON by orjson: strict on the way in (no NaN, no infinite numbers, bounded nesting), fast on the way out."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from core.errors import Invalid, InvalidText, UnsupportedMediaType

MEDIA_TYPE = "application/json"


def parse_json(body: bytes) -> Any:
    """The value that `body` spells.

    Raises Invalid for what is no JSON, and InvalidText where it is JSON in all but a half surrogate pair in a string.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "surrogate" in error.msg:
            raise InvalidText("The text has half of a surrogate pair.") from None
        raise Invalid("The body is not JSON.") from None


def read_body(request: HttpRequest) -> Any:
    """The JSON body of a plain Django request; an empty one is an empty object."""
    if request.body and request.content_type != MEDIA_TYPE:
        raise UnsupportedMediaType()
    return parse_json(request.body) if request.body else {}


def dump(data: Any) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)


class JsonResponse(HttpResponse):
    """An answer of a view that is not DRF's."""

    def __init__(self, data: Any, status: int = 200, content_type: str = MEDIA_TYPE) -> None:
        super().__init__(dump(data), status=status, content_type=content_type)


class OrjsonParser(BaseParser):
    media_type = MEDIA_TYPE

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read()
        return parse_json(body) if body else {}


class OrjsonRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "json"
    charset = None  # JSON is UTF-8 (RFC 8259); a charset parameter has no meaning

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dump(data)
