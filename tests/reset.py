"""Put the database back to what it was right after the migrations.

Django's own `flush` cannot: triggers refuse to empty the audit tables, and the rows that migrations make (the
installation, the system user) would be gone. So the rows there are after the migrations are remembered, and before
each test every table gets exactly those again, in one transaction with the triggers off. No list of tables to keep up
to date: a new table or a new base row is covered by itself.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg import sql

FIXED = ("django_migrations", "django_content_type", "auth_permission")
"""Written by `migrate` only, and by far the most rows: left alone, which makes a reset ten times as fast."""

PATIENCE = 20
"""Seconds to wait for a transaction that the last test left open, before the next test fails with its name."""


class Reset(Protocol):
    def __call__(self) -> None:
        """Empty every table but FIXED, then write the remembered rows. Waits for transactions that write."""

    def tamper(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Do what only somebody with the superuser's password could: change rows with the triggers off.

        Placeholders are `%s`. Returns the number of rows changed, so that a test can tell it changed any.
        """

    def close(self) -> None: ...


class PostgresReset:
    """Over a superuser's connection, because the app's role has no right to delete what it may only append to.

    DELETE takes 1 ms where TRUNCATE takes 30 (45 tables, a few rows in each): TRUNCATE makes a new file for every
    table and index. What TRUNCATE gives besides, waiting for the last test's writers, the lock gives too. One function
    does it all: its statements are planned once, and a reset is one question instead of a dozen.
    """

    def __init__(self, superuser_url: str) -> None:
        self._connection = psycopg.connect(superuser_url, autocommit=True, application_name="test reset")
        # A short deadlock_timeout makes this session the one that gives way; it can try again, a server cannot.
        self._connection.execute("SET session_replication_role = replica")
        self._connection.execute("SET deadlock_timeout = '50ms'")
        self._connection.execute(f"SET lock_timeout = '{PATIENCE}s'")
        tables = self._tables()
        lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(tables.values()))
        empty = [sql.SQL("DELETE FROM {}").format(table) for table in tables.values()]
        body = sql.SQL("BEGIN {}; END").format(sql.SQL("; ").join([lock, *empty, *self._put_back(tables)]))
        function = sql.SQL("CREATE FUNCTION pg_temp.reset() RETURNS void LANGUAGE plpgsql AS {}")
        self._connection.execute(function.format(sql.Literal(body.as_string(self._connection))))

    def __call__(self) -> None:
        for _ in range(PATIENCE):
            try:
                self._connection.execute("SELECT pg_temp.reset()")
                return
            except psycopg.errors.DeadlockDetected:
                continue
            except psycopg.errors.LockNotAvailable as problem:
                raise AssertionError(f"A transaction was left open: {self._open_transactions()}") from problem
        raise AssertionError("The database cannot be reset: something keeps deadlocking with it.")

    def tamper(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        return self._connection.execute(statement.encode(), parameters).rowcount

    def close(self) -> None:
        self._connection.close()

    def _tables(self) -> dict[str, sql.Identifier]:
        rows = self._connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return {name: sql.Identifier("public", name) for (name,) in rows if name not in FIXED}

    def _put_back(self, tables: Mapping[str, sql.Identifier]) -> Iterator[sql.Composed]:
        """What writes the rows there are now, of which this connection keeps a copy that nobody else sees."""
        for name, table in tables.items():
            if self._connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone():
                kept = sql.Identifier("pg_temp", f"kept_{name}")
                self._connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} AS TABLE {}").format(kept, table))
                yield sql.SQL("INSERT INTO {} TABLE {}").format(table, kept)

    def _open_transactions(self) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT pid, usename, application_name, state, query FROM pg_stat_activity "
            "WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
        ).fetchall()


class SqliteReset:
    """Over a connection of its own; the file stays, because the threads of a server keep it open.

    SQLite can switch triggers off only from Python 3.12 on, so they are dropped and made again inside the transaction.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA foreign_keys = OFF")
        names = self._schema("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        self._tables = [name for name in names if name not in FIXED]
        self._rows = {name: rows for name in self._tables if (rows := self._read(name))}
        self._triggers = self._schema("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")

    def __call__(self) -> None:
        with self._without_triggers():
            self._empty()

    def tamper(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        with self._without_triggers():
            return self._connection.execute(statement.replace("%s", "?"), parameters).rowcount

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _without_triggers(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for trigger in self._triggers:
                self._connection.execute(f'DROP TRIGGER IF EXISTS "{trigger}"')
            yield
            for definition in self._triggers.values():
                self._connection.execute(definition)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _empty(self) -> None:
        for table in self._tables:
            self._connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names from the schema itself
        for table, rows in self._rows.items():
            places = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)  # noqa: S608 - as above

    def _schema(self, query: str) -> dict[str, str]:
        return dict(self._connection.execute(query).fetchall())

    def _read(self, table: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - names from the schema
