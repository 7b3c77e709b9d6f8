"""pytest plugin (`-p tests.services`): what a test run needs, before Django reads its settings.

Everyday: a real PostgreSQL and a real Redis of this run's own. `TEST_DATABASE_URL` (a superuser's) and `TEST_REDIS_URL`
(a database that may be emptied) take servers that are there instead; `PG_BINDIR` chooses PostgreSQL's programs.
`PARLEY_TEST_BACKEND=embedded` starts none: SQLite and no Redis, as `make run` has it.

With pytest-xdist (`-n 2`) every worker is a run like that: it starts servers of its own, and no test sees another's.

`DATABASE_URL` and `REDIS_URL` of the shell are never used: the suite empties every table with the triggers off.
"""

import argparse
import atexit
import base64
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests.servers import ServerMissing, start_postgres, start_redis

EMBEDDED = os.environ.get("PARLEY_TEST_BACKEND", "") == "embedded"

OUTSIDE = (
    *("ACCESS_TOKEN_LIFETIME", "ADMIN_REQUIRE_TOTP", "ALLOWED_HOSTS", "ALLOWED_ORIGINS", "ALLOW_NATIVE_CLIENTS"),
    "ATTACHMENT_SCANNER",
    *("AUTH_TIMEOUT", "AWAY_AFTER", "CLAMD_URL", "LEASE_TTL", "RECONNECT_GRACE"),
    *("CONNECTIONS_PER_USER", "CORS_ORIGINS", "DATA_DIR"),
    *("DATABASE_OWNER_URL", "DATABASE_RESERVE", "DATABASE_THREADS", "DATABASE_URL"),
    *("DEBUG", "DEMO_PASSWORD", "DRAIN_SPREAD", "HEARTBEAT", "HEARTBEAT_TIMEOUT", "IDLE_TIMEOUT", "JWT_KEYS"),
    *("KEY_EPOCH", "MASTER_KEYS", "MASTER_KEY_ACTIVE", "MAX_FRAME", "MESSAGE_MAX_BYTES", "MESSAGE_MAX_CHARACTERS"),
    *("POKE_SHARDS", "PORT", "REDIS_URL", "REFRESH_GRACE", "REFRESH_IDLE_LIFETIME", "REFRESH_LIFETIME"),
    "RETENTION_AT",
    *("SECRET_KEY", "STALL_TIMEOUT", "SWEEP_INTERVAL", "TOKEN_LEEWAY", "TRUSTED_PROXIES"),
    *("UNAUTHENTICATED_PER_ADDRESS", "UNAUTHENTICATED_TOTAL"),
)
"""Settings that a developer's shell may hold: the same tests must mean the same everywhere."""

_running = ExitStack()
_header: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """A wrapper runs before pytest-django's own hook, which reads the settings."""
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        begin = time.monotonic()
        try:
            _start(distributes=_distributes(options))
        except (ServerMissing, psycopg.Error) as problem:
            raise pytest.UsageError(str(problem)) from problem
        _header.append(f"up in {time.monotonic() - begin:.1f} s")
    return (yield)


def pytest_report_header() -> str:
    return f"services: {', '.join(_header)}"


def _distributes(options: argparse.Namespace) -> bool:
    """Whether this process only hands tests to workers. A worker has the same command line, `-n` too."""
    return bool(getattr(options, "numprocesses", None)) and "PYTEST_XDIST_WORKER" not in os.environ


def _start(*, distributes: bool) -> None:
    # Not at pytest_unconfigure: that hook is not called when the settings or a conftest cannot be loaded.
    atexit.register(_running.close)
    # A run that is told to stop cleans up like one that is interrupted at the keyboard.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _forget_the_shell()
    _keep_bytecode()
    _set_settings()
    if distributes:
        _header.append("of each worker's own")
        if "TEST_REDIS_URL" in os.environ:
            raise pytest.UsageError("TEST_REDIS_URL names one database, and every worker of -n empties its own.")
    elif EMBEDDED:
        _header.append("embedded default (SQLite, no Redis)")
    else:
        _set_up_postgres()
        _set_up_redis()


def _forget_the_shell() -> None:
    for name in [*os.environ]:
        plain = name.removesuffix("_FILE")
        # libpq's own variables (PGSSLMODE, PGOPTIONS …) would change every connection; PG_BINDIR is ours.
        libpq = name.startswith("PG") and "_" not in name
        if plain in OUTSIDE or plain.startswith(("LIMIT_", "STORAGE_", "AWS_", "GOOGLE_")) or libpq:
            del os.environ[name]


def _keep_bytecode() -> None:
    """Elsewhere, if the shell wants none beside the sources: without, every server and worker compiles them again."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(".cache/pycache").resolve())


def _set_settings() -> None:
    data = tempfile.mkdtemp(prefix="parley-test-data-")
    _running.callback(shutil.rmtree, data, ignore_errors=True)
    os.environ |= {
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DATABASE_URL": f"sqlite:///{data}/parley.sqlite3",
        "DATA_DIR": data,
        "DEMO_PASSWORD": secrets.token_urlsafe(12),
        "HYPOTHESIS_STORAGE_DIRECTORY": ".cache/hypothesis",
        "JWT_KEYS": f"j1:{_key()}",
        "MASTER_KEYS": f"k1:{_key()}",
        "MASTER_KEY_ACTIVE": "k1",
        "SECRET_KEY": secrets.token_urlsafe(48),
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _set_up_postgres() -> None:
    """Two roles as in production: `parley_owner` owns the database and migrates it, `parley_app` is the server's."""
    suffix = ""
    if given := os.environ.get("TEST_DATABASE_URL"):
        superuser, source, suffix = given, "TEST_DATABASE_URL", f"_{secrets.token_hex(4)}"
    else:
        server = start_postgres()
        _running.callback(server.stop)
        superuser, source = server.url, server.source
    database, owner, app = f"parley_test{suffix}", f"parley_owner{suffix}", f"parley_app{suffix}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        version = connection.info.server_version // 10_000
        owner_password, app_password = _create_role(connection, owner), _create_role(connection, app)
        connection.execute(_named("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", database, owner))
    if given:
        _running.callback(_drop, superuser, database, owner, app)
    os.environ |= {
        "TEST_SUPERUSER_URL": _url(superuser, database),
        "DATABASE_OWNER_URL": _url(superuser, database, owner, owner_password),
        "DATABASE_URL": _url(superuser, database, app, app_password),
    }
    with psycopg.connect(os.environ["TEST_SUPERUSER_URL"], autocommit=True) as connection:
        # PostgreSQL 14 still lets everybody create tables in `public`; from 15 on these two change nothing.
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute(_named("GRANT CREATE ON SCHEMA public TO {}", owner))
    _header.append(f"PostgreSQL {version} ({source})")


def _create_role(connection: psycopg.Connection[tuple[object, ...]], role: str) -> str:
    password = secrets.token_urlsafe(18)
    powerless = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION PASSWORD "
    connection.execute(_named("CREATE ROLE {} " + powerless, role) + sql.Literal(password))
    return password


def _drop(superuser: str, database: str, *roles: str) -> None:
    """Leave a server that was there as it was."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(_named("DROP DATABASE {} WITH (FORCE)", database))
        for role in roles:
            connection.execute(_named("DROP ROLE {}", role))


def _named(statement: str, *names: str) -> sql.Composed:
    # The statements are this file's own constants; only names are put in, quoted.
    return sql.SQL(statement).format(*map(sql.Identifier, names))


def _url(url: str, database: str, user: str | None = None, password: str = "") -> str:
    """`url` with another database and, when given, another user."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    login = parts.netloc.rpartition("@")[0] if user is None else f"{quote(user)}:{quote(password)}"
    return urlunsplit(parts._replace(netloc=f"{login}@{place}", path=f"/{database}"))


def _set_up_redis() -> None:
    if given := os.environ.get("TEST_REDIS_URL"):
        os.environ["REDIS_URL"] = given
        _header.append("Redis (TEST_REDIS_URL)")
        return
    server = start_redis()
    _running.callback(server.stop)
    os.environ["REDIS_URL"] = server.url
    _header.append(f"Redis ({server.source})")
