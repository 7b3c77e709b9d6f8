"""Queries that are asked all the time, compiled once.

Making the SQL of a queryset takes longer than running it. Here it is made once, from the queryset itself, so that what
is asked stays written down in one place; afterwards values are bound and nothing else. On PostgreSQL that goes through
psycopg's own cursor, which binds on the server, takes binary results and prepares the statement where the connection's
`prepare_threshold` allows it. Elsewhere the queryset is simply run.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import QuerySet

from core.sql import fetch

Row = tuple[Any, ...]
Argument = UUID | int | str | Sequence[UUID] | Sequence[str]


class _Statement(NamedTuple):
    """SQL with its values in their order: an argument by its place, or a constant of the query."""

    sql: str
    values: tuple[tuple[int | None, object], ...]


class Prepared:
    """The rows of `build(*arguments)`, a `values_list` queryset whose shape does not depend on its arguments.

    `kinds` are the types of the arguments: `UUID`, `int` (for a limit too), and `[UUID]` or `[str]` for a list in an
    `…__in`.
    """

    def __init__(self, build: "Callable[..., QuerySet[Any, Any]]", *kinds: object) -> None:
        self._build, self._kinds = build, kinds

    def __call__(self, *arguments: Argument) -> list[Row]:
        """The rows for these arguments, given in the order of the kinds."""
        if connection.vendor != "postgresql":
            return list(self._build(*arguments))
        values = [constant if place is None else arguments[place] for place, constant in self._statement.values]
        return fetch(self._statement.sql, *values)

    @cached_property
    def _statement(self) -> _Statement:
        """Compiled with a stand-in for each argument, which is then found again among the values and in the text."""
        stand_ins = [_stand_in(kind, place) for place, kind in enumerate(self._kinds)]
        known = {_scalar(stand_in): place for place, stand_in in enumerate(stand_ins)}
        sql, parameters = self._build(*stand_ins).query.sql_with_params()
        return _bound(sql.replace(" IN (%s)", " = ANY(%s)"), iter(parameters), known)


def _stand_in(kind: object, place: int) -> Argument:
    if isinstance(kind, list):
        return [_stand_in(kind[0], place)]  # type: ignore[return-value]  # a list of one UUID or text
    if kind is int:
        return 1_900_000_000 + place
    return uuid4() if kind is UUID else uuid4().hex


def _scalar(stand_in: Argument) -> object:
    return stand_in[0] if isinstance(stand_in, list) else stand_in


def _bound(sql: str, parameters: Iterator[object], known: Mapping[object, int]) -> _Statement:
    """The text with a place for each value. Django writes a limit into it; one that is a stand-in becomes a value."""
    values: list[tuple[int | None, object]] = []

    def value_at(found: re.Match[str]) -> str:
        if found[0] == "%s":
            value = next(parameters)
            values.append((known.get(value), value))
        elif (place := known.get(int(found[1]))) is not None:
            values.append((place, None))
            return "LIMIT %s"
        return found[0]

    return _Statement(re.sub(r"%s|LIMIT (\d+)", value_at, sql), tuple(values))
