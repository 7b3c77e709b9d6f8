"""SQLite: its own online backup, of which the vault is cut out into a second file.

What was cut out is not left in pages that nobody uses: VACUUM writes the copy anew.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from config.backups.trouble import Trouble

_PATIENCE = 60.0
_OURS = "type = 'table' AND name NOT LIKE 'sqlite_%'"


class SqliteEngine:
    name = "sqlite"
    data_file, vault_file = "data.sqlite3", "vault.sqlite3"

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def snapshot(self, folder: Path) -> "Iterator[SqliteSnapshot]":
        place = folder / self.data_file
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_open(self._path, "ro")) as source, closing(_open(place, "rw")) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            yield SqliteSnapshot(copy, place, folder / self.vault_file)

    def versions(self) -> dict[str, str]:
        return {"sqlite": sqlite3.sqlite_version}

    def is_empty(self) -> bool:
        if not self._path.exists():
            return True
        with closing(_open(self._path, "ro")) as found:
            return not _tables(found)

    def restore(self, dump: Path) -> None:
        """The first becomes the database by a change of its name; the tables of others are put into it."""
        if self.is_empty():
            self._become(dump)
        else:
            with closing(_open(self._path, "rw")) as here, _attached(here, dump) as other:
                _copy_tables(here, other, _tables(here, other))

    def clear(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _become(self, dump: Path) -> None:
        draft = self._path.with_name(f"{self._path.name}.restoring")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_open(dump, "ro")) as source, closing(_open(draft, "rw")) as copy:
            source.backup(copy)
        _sync(draft)
        self.clear()
        draft.rename(self._path)
        _sync(self._path.parent)


class SqliteSnapshot:
    def __init__(self, copy: sqlite3.Connection, data: Path, vault: Path) -> None:
        self._copy, self._data, self._vault = copy, data, vault

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._copy.execute(statement).fetchall()

    def tables(self) -> list[str]:
        return _tables(self._copy)

    def dump(self) -> None:
        cut = [table for table in self.tables() if table.startswith("vault_")]
        os.close(os.open(self._vault, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_open(self._vault, "rw")) as vault, _attached(vault, self._data) as data:
            _copy_tables(vault, data, cut)
        for table in cut:
            self._copy.execute(f'DROP TABLE "{table}"')
        self._copy.commit()
        self._copy.execute("VACUUM")
        _sync(self._vault)
        _sync(self._data)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    """Not to be made here: a path that is wrong is said to be wrong."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=_PATIENCE)
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.Error as error:
        raise Trouble(f"{path} cannot be read as an SQLite database.") from error
    return connection


@contextmanager
def _attached(here: sqlite3.Connection, other: Path) -> Iterator[str]:
    here.execute("ATTACH DATABASE ? AS other", [f"file:{quote(str(other))}?mode=ro"])
    yield "other"
    here.commit()
    here.execute("DETACH DATABASE other")


def _tables(connection: sqlite3.Connection, schema: str = "main") -> list[str]:
    found = connection.execute(f"SELECT name FROM {schema}.sqlite_master WHERE {_OURS} ORDER BY name")  # noqa: S608  ours
    return [name for (name,) in found.fetchall()]


def _copy_tables(here: sqlite3.Connection, source: str, tables: list[str]) -> None:
    """Tables with rows and indexes, in one transaction. Their names come from a schema."""
    here.execute("BEGIN IMMEDIATE")
    for table in tables:
        of_it = f"SELECT sql FROM {source}.sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"  # noqa: S608  ours
        for (statement,) in here.execute(f"{of_it} ORDER BY type = 'table' DESC", [table]).fetchall():
            here.execute(statement)
        here.execute(f'INSERT INTO main."{table}" SELECT * FROM {source}."{table}"')  # noqa: S608  names from a schema
    here.commit()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
