"""What every REST view shares: errors as problem+json, JSON by orjson, base views, signed cursors, documentation.

The base views are in `core.rest.views` and not here: importing them makes DRF load the authentication classes of the
settings, and those import this package.
"""

from core.rest.asked import attempted, refuse_unknown_params
from core.rest.errors import as_app_error, exception_handler, problem
from core.rest.json import JsonResponse, OrjsonParser, OrjsonRenderer, parse_json
from core.rest.paging import CursorPage, cursor_answer, page_of, query_bool, query_int, read_cursor, sign_cursor

__all__ = [
    "CursorPage",
    "JsonResponse",
    "OrjsonParser",
    "OrjsonRenderer",
    "as_app_error",
    "attempted",
    "cursor_answer",
    "exception_handler",
    "page_of",
    "parse_json",
    "problem",
    "query_bool",
    "query_int",
    "read_cursor",
    "refuse_unknown_params",
    "sign_cursor",
]
