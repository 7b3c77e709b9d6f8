"""Plain SQL where Django's way costs too much: statements bound on the server, and many rows in one statement.

Django's cursor writes the values into the text of a statement and reads results as text. psycopg's own binds them on
the server, prepares what comes often, and takes results as binary: half the processor time of a large group.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

from core.time import machine_now

Row = Mapping[str, Any]

# SQLite takes 32,766 values in one statement; the widest row has 16.
_MOST_ROWS = 2000


def fetch(statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement on PostgreSQL, inside the transaction that is open; its rows, if it has any.

    Raises what Django's cursor would raise.
    """
    here = connections[DEFAULT_DB_ALIAS]
    here.ensure_connection()
    if here.queries_logged:  # so that whoever counts queries counts these too
        here.queries_log.append({"sql": statement, "time": ""})
    with here.wrap_database_errors, psycopg.Cursor(here.connection) as cursor:
        cursor.execute(statement.encode(), values, binary=True)
        # Not `cursor.description`: that makes an object of every column.
        return cursor.fetchall() if cursor.pgresult is not None and cursor.pgresult.nfields else []


def database_time() -> datetime:
    """What the database's clock says (aware, UTC), which its defaults and triggers take. SQLite's is this machine's."""
    if connection.vendor != "postgresql":
        return machine_now()
    [(moment,)] = fetch("SELECT clock_timestamp()")
    return cast(datetime, moment)


def insert(table: str, rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns: UUIDs, aware datetimes, bytes, text, integers, None."""
    for start in range(0, len(rows), _MOST_ROWS):
        part = rows[start : start + _MOST_ROWS]
        if connection.vendor == "postgresql":
            fetch(*_document(table, part))
        else:
            _insert_values(table, part)


def insert_returning(table: str, rows: Sequence[Row], columns: str) -> list[tuple[Any, ...]]:
    """The same on PostgreSQL, and what the database made of these columns, in no order."""
    statement, document = _document(table, rows)
    return fetch(f"{statement} RETURNING {columns}", document)


def delete(table: str, column: str, ids: Sequence[UUID]) -> int:
    """Delete the rows that have one of these ids in this column, in one statement; how many those were. Nothing else is
    looked for: what refers to them is the caller's business, and the database's constraints."""
    if not ids:
        return 0
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f'DELETE FROM "{table}" WHERE "{column}" = ANY(%s)', [list(ids)])  # noqa: S608 - names of our own
        else:
            places = ", ".join(["%s"] * len(ids))
            cursor.execute(
                f'DELETE FROM "{table}" WHERE "{column}" IN ({places})',  # noqa: S608 - as above
                [_for_sqlite(value) for value in ids],
            )
        return int(cursor.rowcount)


def run_for_each(statement: str, values: Sequence[Sequence[Any]]) -> None:
    """Run a statement for each of these rows of values. For SQLite, where that costs a fifth of `bulk_update`."""
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[_for_sqlite(value) for value in row] for row in values])


def stored(value: Any) -> Any:
    """A value as the driver of this database takes it in plain SQL."""
    return value if connection.vendor == "postgresql" else _for_sqlite(value)


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _document(table: str, rows: Sequence[Row]) -> tuple[str, str]:
    """All rows in one JSON document that PostgreSQL turns into rows of the table: bound as single values, the 16
    columns of an audit entry cost eight times the processor time (39 against 5 µs each, in groups of 30)."""
    names = _names(rows)
    statement = f'INSERT INTO "{table}" ({names}) SELECT {names} FROM json_populate_recordset(NULL::"{table}", %s)'  # noqa: S608 - names of our own
    return statement, orjson.dumps(rows, default=_bytea).decode()


def _insert_values(table: str, rows: Sequence[Row]) -> None:
    places = ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({_names(rows)}) VALUES {places}',  # noqa: S608 - names of our own
            [_for_sqlite(value) for row in rows for value in row.values()],
        )


def _names(rows: Sequence[Row]) -> str:
    return ", ".join(f'"{name}"' for name in rows[0])


def _bytea(value: object) -> str:
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot be stored this way")
