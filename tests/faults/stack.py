"""Parley as it runs in production, small and breakable: PostgreSQL, Redis behind a proxy, N server processes behind a
balancer, and the worker. Each is a process of its own that only this file starts and kills.

PostgreSQL keeps its promises here (`fsync`, `synchronous_commit`, `full_page_writes`); limits that protect a server
from one client are raised, because the run is one client.
"""

import asyncio
import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql

from tests import servers
from tests.faults.balancer import Balancer
from tests.faults.redis_proxy import RedisProxy
from tests.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

_NAMES = ("REQUEST", "MESSAGE_NEW", "MESSAGE_READ", "MESSAGE_DELIVERED", "FRAMES", "CONNECTIONS_NEW", "HANDSHAKES")
RAISED = {
    **{f"LIMIT_{name}": "1000000/1" for name in _NAMES},
    "CONNECTIONS_PER_USER": "1000",
    "UNAUTHENTICATED_PER_ADDRESS": "100000",
    "UNAUTHENTICATED_TOTAL": "100000",
    "ACCESS_TOKEN_LIFETIME": "86400",
}


async def becomes_true(condition: Callable[[], bool], within: float = PATIENCE, what: str = "it") -> None:
    """Wait until this is true; AssertionError when it is not in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {within} s"
        await asyncio.sleep(0.02)


@dataclass
class World:
    """Who is there (tests.faults.seeding)."""

    people: list[str]
    tokens: list[list[str]]
    conversations: list[tuple[str, int, int]]

    def conversations_of(self, number: int) -> list[str]:
        """Of the person with this number."""
        return [one for one, patient, provider in self.conversations if number in {patient, provider}]


@dataclass
class Process:
    """`manage.py …` in a process group of its own, restartable with the same arguments."""

    arguments: list[str]
    environment: dict[str, str]
    log: Path
    port: int = 0
    prefix: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, "manage.py", *self.arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # No orphans, even when the run itself is killed. Safe: it is one call that was looked up before.
                preexec_fn=servers._signal_when_parent_dies(signal.SIGKILL),
            )

    def tell(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)

    async def ended(self, within: float = 40.0) -> int:
        """Its exit status, once it has ended."""
        process = self.process
        assert process is not None
        await becomes_true(lambda: process.poll() is not None, within, "the end of a process")
        return process.wait()

    async def kill(self) -> None:
        self.tell(signal.SIGKILL)
        await self.ended()

    async def sockets(self) -> int:
        """How many it says that it has."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            return int((await client.get(f"http://127.0.0.1:{self.port}/health")).json()["connections"]["active"])

    async def answers(self) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + PATIENCE
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                assert self.process is not None
                assert self.process.poll() is None, f"a server ended at start-up:\n{self.log.read_text()[-3000:]}"
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self.port}/health/ready")).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        raise AssertionError("a server did not answer")


class Stack:
    """All of it, between `set_up` and `tear_down`."""

    def __init__(self, *, processes: int = 2, **environment: str) -> None:
        self._count, self._more = processes, environment
        self.folder = Path(tempfile.mkdtemp(prefix="parley-faults-"))
        self.balancer = Balancer()
        self.servers: list[Process] = []
        self.environment: dict[str, str] = {}
        self._worker: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.balancer.port}"

    async def set_up(self) -> None:
        self.postgres, self.redis = servers.start_postgres(**DURABLE), servers.start_redis()
        self.redis_proxy = RedisProxy(urlsplit(self.redis.url).port or 0)
        await self.redis_proxy.start()
        await self.balancer.start()
        self.environment = self._settings() | self._create_database()
        _run(["manage.py", "migrate", "--verbosity", "0"], self.environment)
        del self.environment["DATABASE_OWNER_URL"]
        self.servers = [self.server() for _ in range(self._count)]
        self._worker = Process(["work"], self.environment, self.folder / "worker.log")
        for process in (*self.servers, self._worker):
            process.start()
        for process in self.servers:
            await process.answers()
        self.balancer.ports = [process.port for process in self.servers]

    async def tear_down(self) -> None:
        for process in (*self.servers, self._worker):
            if process is not None and process.process is not None and process.process.poll() is None:
                process.tell(signal.SIGCONT)
                await process.kill()
        await self.balancer.stop()
        await self.redis_proxy.stop()
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def seed(self, patients: int, providers: int) -> World:
        said = _run(["-m", "tests.faults.seeding", str(patients), str(providers)], self.environment)
        found = json.loads(said)
        return World(
            found["people"], found["tokens"], [(one, two, three) for one, two, three in found["conversations"]]
        )

    def server(self, *, prefix: list[str] | None = None, **environment: str) -> Process:
        """One more server process; it is not started, and the balancer does not know it."""
        port = free_port()
        log = self.folder / f"server-{port}.log"
        arguments = ["serve", "--port", str(port)]
        return Process(arguments, {**self.environment, **environment}, log, port, prefix or [])

    # ---- What can be asked --------------------------------------------------------------------------------------

    def ask_database(self, statement: str) -> list[tuple[Any, ...]]:
        """As superuser, outside the application."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def verify_audit_log(self) -> list[str]:
        """What `manage.py verify_audit_log` finds."""
        done = subprocess.run(
            [sys.executable, "manage.py", "verify_audit_log", "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(done.stdout)
        return [] if report["ok"] else [json.dumps(problem) for problem in report["problems"]] or ["not ok"]

    def memory(self) -> int:
        """MiB that the server processes hold (VmRSS of proc(5))."""
        pids = [process.process.pid for process in self.servers if process.process is not None]
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in texts) >> 10

    def complaints(self) -> list[str]:
        """Lines of the servers' logs about defects. That the database was away, after it was taken away, is none."""
        lines = [line for log in self.folder.glob("*.log") for line in log.read_text(errors="replace").splitlines()]
        return [line for line in lines if _speaks_of_a_defect(line)]

    # ---- Restarting the stores ----------------------------------------------------------------------------------

    async def stop_postgres(self, how: signal.Signals) -> None:
        """As `pg_ctl stop` does it: SIGINT is `-m fast`, SIGQUIT `-m immediate`, without farewell and checkpoint."""
        self.postgres._process.send_signal(how)
        await self._ended(self.postgres)

    async def start_postgres(self) -> None:
        """Returns when it answers, after its recovery."""
        self._respawn(self.postgres)
        await self._until(lambda: psycopg.connect(self.superuser_url, connect_timeout=2).close(), psycopg.Error)

    async def stop_redis(self) -> None:
        self.redis._process.kill()
        await self._ended(self.redis)

    async def start_redis(self) -> None:
        """On its old address, empty."""
        parts = urlsplit(self.redis.url)
        settings = {"bind": "127.0.0.1", "port": parts.port, "requirepass": parts.password}
        settings |= {"dir": f'"{self.redis._folder}"', "save": '""'}
        self._respawn(self.redis, stdin=subprocess.PIPE)
        pipe = self.redis._process.stdin
        assert pipe is not None
        with pipe:
            pipe.write("".join(f"{name} {value}\n" for name, value in settings.items()).encode())

    def tell_redis(self, how: signal.Signals) -> None:
        self.redis._process.send_signal(how)

    def _respawn(self, server: servers.Server, **options: Any) -> None:
        command = server._process.args
        assert isinstance(command, list)
        if server is self.postgres:
            options |= servers._unprivileged().process
        server._process = servers._spawn(command, server._folder, server._stop_signal, **options)

    async def _ended(self, server: servers.Server) -> None:
        await becomes_true(lambda: server._process.poll() is not None, 30, "the end of a store")

    async def _until(self, attempt: Callable[[], None], not_yet: type[Exception]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await asyncio.to_thread(attempt)
            except not_yet:
                assert time.monotonic() < deadline, "a store did not come back"
                await asyncio.sleep(0.1)

    # ---- Making it ----------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or "COVERAGE" in name}
        redis = urlsplit(self.redis.url)
        return {
            **kept,
            **RAISED,
            "DATA_DIR": str(self.folder / "data"),
            "PYTHONUNBUFFERED": "1",
            "MASTER_KEYS": f"k1:{_key()}",
            "MASTER_KEY_ACTIVE": "k1",
            "JWT_KEYS": f"j1:{_key()}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "REDIS_URL": f"redis://:{redis.password}@127.0.0.1:{self.redis_proxy.port}/0",
            **self._more,
        }

    def _create_database(self) -> dict[str, str]:
        """Two roles as in production: one owns the tables, the other may not change what is append-only."""
        passwords = {name: secrets.token_urlsafe(18) for name in ("parley_owner", "parley_app")}
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            for role, password in passwords.items():
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))
            connection.execute("CREATE DATABASE parley OWNER parley_owner TEMPLATE template0 ENCODING 'UTF8'")
        parts = urlsplit(self.postgres.url)
        self.superuser_url = urlunsplit(parts._replace(path="/parley"))
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            for name, expected in DURABLE.items():
                row = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
                assert row == (expected,), f"{name} is {row}"
        urls = {
            role: urlunsplit(parts._replace(netloc=f"{role}:{password}@127.0.0.1:{parts.port}", path="/parley"))
            for role, password in passwords.items()
        }
        return {"DATABASE_OWNER_URL": urls["parley_owner"], "DATABASE_URL": urls["parley_app"]}


@asynccontextmanager
async def stacked(*, processes: int = 2, **environment: str) -> AsyncIterator[Stack]:
    """A stack that is torn down for certain."""
    stack = Stack(processes=processes, **environment)
    try:
        await stack.set_up()
        yield stack
    finally:
        await stack.tear_down()


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    return done.stdout.decode()


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _speaks_of_a_defect(line: str) -> bool:
    is_error = '"level": "error"' in line or '"level": "critical"' in line
    return "Traceback" in line or (is_error and "DatabaseUnavailable" not in line)
