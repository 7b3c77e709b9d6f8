"""PostgreSQL: its own pg_dump and pg_restore, told the password by the environment and nothing on the command line.

Both dumps are of one snapshot, which a transaction exports and keeps open meanwhile (PostgreSQL's "Snapshot
Synchronization Functions"): a message whose key is made at this moment is in both or in neither.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.conninfo import make_conninfo

from config.backups.trouble import Trouble

_NOT_OURS = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
_IN_IT = f"""
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_NOT_OURS}
"""  # noqa: S608 - words of this file


class PostgresEngine:
    name = "postgresql"
    data_file, vault_file = "data.dump", "vault.dump"

    def __init__(self, database: Mapping[str, Any]) -> None:
        self._parameters = _parameters(database)

    @contextmanager
    def snapshot(self, folder: Path) -> "Iterator[PostgresSnapshot]":
        with self._connected() as connection:
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
            # A dump takes long, and the transaction that keeps its snapshot says nothing meanwhile.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield PostgresSnapshot(self, connection, folder)

    def versions(self) -> dict[str, str]:
        with self._connected() as connection:
            server = str(connection.info.server_version)
        return {"postgresql": server, "pg_dump": _run([self._program("pg_dump"), "--version"]).stdout.strip()}

    def is_empty(self) -> bool:
        with self._connected() as connection:
            return connection.execute(_IN_IT.encode()).fetchall() == [(0,)]

    def restore(self, dump: Path) -> None:
        """Everything becomes this role's own; who may do what is granted anew by `migrate`."""
        everything = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        self.run("pg_restore", [*everything, f"--dbname={self._parameters['dbname']}", str(dump)])

    def clear(self) -> None:
        with self._connected() as connection:
            for kind, name in connection.execute(_MADE_HERE.encode()).fetchall():
                connection.execute(sql.SQL(f"DROP {kind} IF EXISTS {{}} CASCADE").format(sql.SQL(name)))

    def run(self, program: str, arguments: Sequence[str]) -> None:
        """Raises Trouble with what the program says is wrong; the rest of what it says can quote rows."""
        command = [self._program(program), "--no-password", *arguments]
        done = _run(command, env=self._environment(), umask=0o077)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith(f"{program}: error:")]
            raise Trouble(said[0] if said else f"{program} ended with status {done.returncode}.")

    def _connected(self) -> "psycopg.Connection[tuple[Any, ...]]":
        try:
            return psycopg.connect(make_conninfo(**self._parameters))
        except psycopg.OperationalError as error:
            raise Trouble("The database does not answer.") from error

    def _environment(self) -> dict[str, str]:
        """libpq's own variables for our parameters, PGPASSWORD among them; what is no parameter of ours is the shell's,
        as it is for every other connection."""
        names = {
            option.keyword.decode(): option.envvar.decode()
            for option in psycopg.pq.Conninfo.get_defaults()
            if option.envvar is not None
        }
        ours = {names[keyword]: value for keyword, value in self._parameters.items() if keyword in names}
        return {**os.environ, **ours}

    def _program(self, name: str) -> str:
        """Of the database's major version or a newer one: pg_dump refuses a server that is newer than itself."""
        with self._connected() as connection:
            server = connection.info.server_version // 10_000
        for path in _programs(name):
            if _major(path) >= server:
                return path
        raise Trouble(
            f"There is no {name} for PostgreSQL {server}: install its client programs, or set PG_BINDIR to the folder"
            " they are in."
        )


# What unlogged tables hold is nothing to keep: PostgreSQL itself empties them after a crash.
_HOW = ("--format=custom", "--no-unlogged-table-data")
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p' ORDER BY 1
"""


class PostgresSnapshot:
    def __init__(self, engine: PostgresEngine, connection: "psycopg.Connection[tuple[Any, ...]]", folder: Path) -> None:
        self._engine, self._connection, self._folder = engine, connection, folder

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement.encode()).fetchall()

    def tables(self) -> list[str]:
        return [name for (name,) in self.rows(_TABLES)]

    def dump(self) -> None:
        [(snapshot,)] = self.rows("SELECT pg_export_snapshot()")
        for file, which in (
            (self._engine.data_file, "--exclude-table=vault_*"),
            (self._engine.vault_file, "--table=vault_*"),
        ):
            place = self._folder / file
            options = [*_HOW, f"--snapshot={snapshot}", which, f"--file={place}"]
            self._engine.run("pg_dump", options)
            with place.open("rb") as written:
                os.fsync(written.fileno())


_MADE_HERE = f"""
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'S') AND {_NOT_OURS} AND pg_has_role(c.relowner, 'MEMBER')
    UNION ALL
    SELECT 'FUNCTION', p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE {_NOT_OURS} AND pg_has_role(p.proowner, 'MEMBER') ORDER BY 1 DESC
"""  # noqa: S608 - words of this file


def _parameters(database: Mapping[str, Any]) -> dict[str, str]:
    """What libpq is to be told of a database of the settings. Options of Django's own are none of its."""
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {keyword: str(database[name]) for keyword, name in named.items() if database.get(name)}
    return {**{k: str(v) for k, v in database.get("OPTIONS", {}).items() if k in known}, **given}


def _programs(name: str) -> Iterator[str]:
    """Where the operator says, then what the shell would find, then where Debian puts those of each version."""
    on_path = shutil.which(name)
    chosen = os.environ.get("PG_BINDIR")
    known = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    for path in (Path(chosen) / name if chosen else None, on_path and Path(on_path), *known):
        if path and path.exists():
            yield str(path)


def _major(program: str) -> int:
    found = re.search(r"\(PostgreSQL\) (\d+)", _run([program, "--version"]).stdout)
    return int(found[1]) if found else 0


def _run(command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    # PostgreSQL's own programs, from where the operator has installed them.
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # noqa: S603 - as said
