"""Pages of lists that move: a signed cursor says where the last page ended, and works only for whom it was made."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.core import signing
from django.http import HttpRequest

from core.errors import FieldError, Invalid, InvalidCursor

MOST = 200
USUAL = 50
T = TypeVar("T")


class CursorPage(NamedTuple):
    """What a list view was asked for: at most `limit` rows after `position` (None: from the beginning)."""

    list_name: str
    actor_id: UUID
    position: list[Any] | None
    limit: int


def page_of(request: HttpRequest, list_name: str, actor_id: UUID) -> CursorPage:
    """The page that `?cursor=&limit=` ask for. Raises InvalidCursor and Invalid."""
    cursor = request.GET.get("cursor")
    position = None if cursor is None else read_cursor(list_name, actor_id, cursor)
    return CursorPage(list_name, actor_id, position, query_int(request, "limit", USUAL, 1, MOST) or USUAL)


def cursor_answer(
    page: CursorPage, rows: Sequence[T], render: Callable[[T], Any], position: Callable[[T], list[Any]]
) -> dict[str, Any]:
    """`{results, nextCursor}` for `rows`, of which one more than `page.limit` was read to see whether more come."""
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    cursor = sign_cursor(page.list_name, page.actor_id, position(shown[-1])) if more else None
    return {"results": [render(row) for row in shown], "nextCursor": cursor}


def sign_cursor(list_name: str, actor_id: UUID, position: list[Any]) -> str:
    """An opaque text for `position` (JSON values) that `read_cursor` takes back from the same person, same list."""
    return signing.dumps(position, salt=_salt(list_name, actor_id), compress=True)


def read_cursor(list_name: str, actor_id: UUID, cursor: str) -> list[Any]:
    """The position that was signed; raises InvalidCursor when it was altered, or made for another person or list."""
    try:
        position: list[Any] = signing.loads(cursor, salt=_salt(list_name, actor_id))
    except (signing.BadSignature, ValueError):
        raise InvalidCursor from None
    return position


def _salt(list_name: str, actor_id: UUID) -> str:
    return f"parley.cursor.{list_name}.{actor_id}"


def query_bool(request: HttpRequest, name: str) -> bool | None:
    """The query parameter `name`, which is `true` or `false`; None without one; raises Invalid for anything else."""
    text = request.GET.get(name)
    if text not in {None, "true", "false"}:
        raise Invalid("A query parameter is not valid.", errors=[FieldError(name, "invalid", "Send true or false.")])
    return None if text is None else text == "true"


def query_int(request: HttpRequest, name: str, default: int | None, lowest: int, highest: int) -> int | None:
    """The whole number in query parameter `name`, or `default` without one; raises Invalid outside lowest … highest."""
    text = request.GET.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    if value is None or not lowest <= value <= highest:
        message = f"Send a whole number from {lowest} to {highest}."
        raise Invalid("A query parameter is not valid.", errors=[FieldError(name, "invalid", message)])
    return value
