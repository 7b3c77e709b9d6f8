"""What a backup asks of a database, and which engine answers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connections

from config.backups.postgres import PostgresEngine
from config.backups.sqlite import SqliteEngine

VAULT = "vault_"
"""How the names of tables begin that are dumped apart."""


class Snapshot(Protocol):
    """One moment of a database, which does not change while it is asked and dumped."""

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a query finds."""

    def tables(self) -> list[str]:
        """The names of all tables, sorted."""

    def dump(self) -> None:
        """Write the data and the vault of this moment into the folder, each on the disk when this returns; the last
        thing that is asked."""


class Engine(Protocol):
    """How one kind of database is dumped and restored. Whatever fails raises Trouble."""

    name: str
    data_file: str
    vault_file: str

    def snapshot(self, folder: Path) -> AbstractContextManager[Snapshot]:
        """A moment from now on, whose dumps go to this folder."""

    def versions(self) -> dict[str, str]: ...

    def is_empty(self) -> bool:
        """Whether there is nothing in the database, or no database yet."""

    def restore(self, dump: Path) -> None:
        """Put the tables of a dump, the data or the vault, into the database: all of it or nothing."""

    def clear(self) -> None:
        """Take away whatever is in the database."""


def engine_of(alias: str) -> Engine:
    """The engine of one of our databases."""
    vendor, database = connections[alias].vendor, settings.DATABASES[alias]
    return PostgresEngine(database) if vendor == "postgresql" else SqliteEngine(Path(database["NAME"]))


def owners_alias() -> str:
    """The connection that may read and make every table."""
    return "owner" if "owner" in settings.DATABASES else "default"


def in_data(tables: Sequence[str]) -> list[str]:
    return [table for table in tables if not table.startswith(VAULT)]


def in_vault(tables: Sequence[str]) -> list[str]:
    return [table for table in tables if table.startswith(VAULT)]
