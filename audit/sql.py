"""The one seam between the log and its two databases: many rows go in by one statement, and come out as text.

In: one JSON document that PostgreSQL turns into rows of the table. Bound as single values, the 16 columns of an entry
cost eight times the processor time (39 against 5 µs each, in groups of 30).

Out: the text of every field, made by the database, because the chain is made over text; so a million entries need not
become ten million Python objects first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from audit.canonical import Fields

Row = Mapping[str, Any]

# SQLite takes 32,766 values in one statement; an entry has 16.
_MOST_ROWS = 2000

_IDS = {"actor", "conv", "id", "object", "session"}
_HASHES = {"detail_h", "ip_h", "object_h"}


def insert(table: str, rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns: UUIDs, aware datetimes, bytes, text, integers, None."""
    for start in range(0, len(rows), _MOST_ROWS):
        part = rows[start : start + _MOST_ROWS]
        if connection.vendor == "postgresql":
            _insert_document(table, part)
        else:
            _insert_values(table, part)


def _insert_document(table: str, rows: Sequence[Row]) -> None:
    names = _names(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {names}'  # noqa: S608 - names from this package only
            f' FROM json_populate_recordset(NULL::"{table}", %s)',
            [orjson.dumps(rows, default=_bytea).decode()],
        )


def _insert_values(table: str, rows: Sequence[Row]) -> None:
    places = ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({_names(rows)}) VALUES {places}',  # noqa: S608 - names from this package only
            [stored(value) for row in rows for value in row.values()],
        )


def _names(rows: Sequence[Row]) -> str:
    return ", ".join(f'"{name}"' for name in rows[0])


def _bytea(value: object) -> str:
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot be stored in the log")


def stored(value: Any) -> Any:
    """A value as the driver of this database takes it in plain SQL."""
    if connection.vendor == "postgresql":
        return value
    if isinstance(value, UUID):
        return value.hex
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def fields_of(alias: str) -> str:
    """SQL for the columns of `canonical.Fields`, in their order, from the entry table under this alias."""
    return ", ".join(_as_text(name, f'{alias}."{name}"') for name in Fields._fields)


def id_text(column: str) -> str:
    """SQL for a UUID column as its 36 characters."""
    if connection.vendor == "postgresql":
        return f"{column}::text"
    parts = [f"substr({column}, {start}, {length})" for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return " || '-' || ".join(parts)


def _as_text(name: str, column: str) -> str:
    if name in _IDS:
        return id_text(column)
    if name in _HASHES:
        return f"encode({column}, 'hex')" if connection.vendor == "postgresql" else f"nullif(lower(hex({column})), '')"
    return _time_text(column) if name == "ts" else column


def _time_text(column: str) -> str:
    if connection.vendor == "postgresql":
        return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    # Stored as `2026-01-02 03:04:05.678901`, without the decimals when they are all zero.
    seconds, decimals = f"replace(substr({column}, 1, 19), ' ', 'T')", f"substr(substr({column}, 21) || '000000', 1, 6)"
    return f"{seconds} || '.' || {decimals} || 'Z'"
