"""Parley as an operator runs it, for one measurement: PostgreSQL and Redis of its own, a migrated and seeded database,
`manage.py serve` and `manage.py work`.

PostgreSQL keeps its promises here (`fsync`, `synchronous_commit`, `full_page_writes`): an acknowledged message is on
the disk. Limits that protect a server from one client are raised, because the generator is one client.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks.processes import keep_on
from encryption.generate import new_master_key, new_secret
from tests.servers import Server, start_postgres, start_redis

ROOT = Path(__file__).resolve().parent.parent

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}

_ANY_NUMBER = "1000000000/1"
_RAISED = {
    **dict.fromkeys(
        (f"LIMIT_{name}" for name in ("REQUEST", "MESSAGE_NEW", "UPLOAD", "FRAMES", "CONNECTIONS_NEW", "HANDSHAKES")),
        _ANY_NUMBER,
    ),
    "CONNECTIONS_PER_USER": "1000",
    "UNAUTHENTICATED_PER_ADDRESS": "100000",
    "UNAUTHENTICATED_TOTAL": "100000",
    "AUTH_TIMEOUT": "60",
    "ACCESS_TOKEN_LIFETIME": "86400",
}

_STOP_WITHIN = 45.0


@dataclass(frozen=True)
class Serving:
    """A running server: its address, and the roots of its process trees."""

    url: str
    processes: dict[str, int]


class Stack:
    """Ends with its `with` block, and leaves nothing behind but the logs in `logs`."""

    def __init__(self, logs: Path, cores: Iterable[int]) -> None:
        self._logs, self._cores = logs, set(cores)
        self._running = ExitStack()
        self._postgres: Server | None = None
        self._redis: Server | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def set_up(self) -> None:
        """PostgreSQL and Redis, with a migrated and seeded database."""
        self._postgres, self._redis = start_postgres(**DURABLE), start_redis()
        self._running.callback(self._postgres.stop)
        self._running.callback(self._redis.stop)
        self.environment = self._settings() | _create_database(self._postgres.url) | {"REDIS_URL": self._redis.url}
        self._migrate_and_seed()

    def set_up_embedded(self) -> None:
        """The default of `make run`: SQLite, no Redis, the worker inside the server."""
        self.environment = self._settings()
        self._migrate_and_seed()

    @property
    def fixture(self) -> Path:
        return Path(self.environment["DATA_DIR"]) / "fixture.json"

    @contextmanager
    def serving(self, *, processes: int = 1) -> Iterator[list[Serving]]:
        """So many server processes, and on PostgreSQL a worker, on the cores of the server."""
        with ExitStack() as started:
            roots = self._stores()
            if self._postgres is not None:
                _checkpoint(self._postgres.url)
                roots["worker"] = started.enter_context(self._managed("work", "Working.")).pid
            servers = [
                started.enter_context(self._managed("serve", "http://", "--port", "0")) for _ in range(processes)
            ]
            yield [Serving(each.url, {"server": each.pid, **roots}) for each in servers]

    def _settings(self) -> dict[str, str]:
        folder = self._running.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-"))
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **_RAISED,
            "DATA_DIR": folder,
            "PYTHONUNBUFFERED": "1",  # the lines that say a process is ready come through a pipe
            "MASTER_KEYS": f"k1:{new_master_key()}",
            "MASTER_KEY_ACTIVE": "k1",
            "SECRET_KEY": new_secret(48),
            "JWT_KEYS": f"j1:{new_master_key()}",
            "ATTACHMENT_SCANNER": "none",  # what clamd takes says nothing about this server
        }

    def _migrate_and_seed(self) -> None:
        for command in (["manage.py", "migrate", "--verbosity", "0"], ["-m", "benchmarks.seeding", str(self.fixture)]):
            subprocess.run([sys.executable, *command], cwd=ROOT, env=self.environment, check=True)  # noqa: S603  ours

    def _stores(self) -> dict[str, int]:
        named = {"PostgreSQL": self._postgres, "Redis": self._redis}
        return {name: server.pid for name, server in named.items() if server is not None}

    @contextmanager
    def _managed(self, name: str, ready: str, *arguments: str) -> "Iterator[_Command]":
        """`manage.py NAME`, from the line that says it is ready until SIGTERM has ended it."""
        environment = {key: value for key, value in self.environment.items() if key != "DATABASE_OWNER_URL"}
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  ours
                [sys.executable, "manage.py", name, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        keep_on(process.pid, self._cores)
        try:
            yield _Command(process.pid, _line_with(process, ready))
        finally:
            process.terminate()
            process.communicate(timeout=_STOP_WITHIN)


@dataclass(frozen=True)
class _Command:
    pid: int
    line: str

    @property
    def url(self) -> str:
        return self.line.split()[-1]


def _checkpoint(url: str) -> None:
    """What earlier runs have left to be written is not written during the next."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def _line_with(process: "subprocess.Popen[str]", ready: str) -> str:
    for line in process.stdout or ():
        if ready in line:
            return line
    raise RuntimeError(f"a process ended with {process.wait()} before it was ready; see its log")


def _create_database(superuser: str) -> dict[str, str]:
    """Two roles as in production: one owns the tables, the other may not change them."""
    owner, app = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role, password in (("parley_owner", owner), ("parley_app", app)):
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
        connection.execute("CREATE DATABASE parley OWNER parley_owner TEMPLATE template0 ENCODING 'UTF8'")
    return {
        "DATABASE_OWNER_URL": _address(superuser, "parley_owner", owner),
        "DATABASE_URL": _address(superuser, "parley_app", app),
    }


def _address(superuser: str, role: str, password: str) -> str:
    parts = urlsplit(superuser)
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}", path="/parley"))
