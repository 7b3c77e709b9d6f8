"""PostgreSQL, asked by the connection that the server uses."""

from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from audit import reserve
from audit.grants import excessive
from config.checks import is_elsewhere
from config.doctor.checks import (
    Asked,
    Finding,
    State,
    check,
    error,
    not_applicable,
    ok,
    warning,
)
from core.time import machine_now

_TOO_OLD = "NotSupportedError"
_EMBEDDED = "SQLite keeps the data."
_SLOW, _WRONG = 1.0, 5.0
"""Seconds between two clocks: worth a look, and worth an alarm. A code of an authenticator app is good for 30 s."""


def _one(query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def _is_postgresql() -> bool:
    return connection.vendor == "postgresql"


@check("database.answers", "The database answers")
def answers(asked: Asked) -> Finding:
    if asked.trouble and asked.trouble != _TOO_OLD:
        remedy = "See to it that it runs, and that DATABASE_URL is right."
        return error(f"It does not ({asked.trouble}).", remedy)
    return ok("It does.")


@check("database.version", "PostgreSQL is of version 14 or later")
def version(asked: Asked) -> Finding:
    """Django refuses older ones when it connects."""
    if not _is_postgresql():
        return not_applicable(_EMBEDDED)
    if asked.trouble == _TOO_OLD:
        return error("PostgreSQL is older than 14.", "Upgrade it.")
    major, minor = divmod(connection.pg_version, 10_000)  # type: ignore[attr-defined]  # PostgreSQL's alone
    return ok(f"It is {major}.{minor}.")


@check("database.kind", "The data is in PostgreSQL", takes={"parley.W001": State.WARNING})
def kind(asked: Asked) -> Finding:
    return ok("It is.")


@check(
    "database.tls",
    "The connection to the database is encrypted and knows whom it reaches",
    takes={"parley.W003": State.WARNING},
)
def tls(asked: Asked) -> Finding:
    """Asked of the connection itself: `sslmode=prefer` does not say what came of it."""
    if not _is_postgresql():
        return not_applicable(_EMBEDDED)
    encrypted, protocol = _one("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    if encrypted:
        return ok(f"It is, by {protocol}.")
    if is_elsewhere(settings.DATABASES["default"]["HOST"]):
        remedy = "Set up TLS in PostgreSQL, and add ?sslmode=verify-full to DATABASE_URL."
        return error("Queries and answers cross the network in the clear.", remedy)
    return not_applicable("The connection does not leave the machine.")


@check(
    "database.role",
    "The server's role owns no table and can only append to the audit log",
    takes={"parley.E005": State.ERROR, "parley.W006": State.CANNOT_TELL, "parley.W007": State.CANNOT_TELL},
)
def role(asked: Asked) -> Finding:
    if not _is_postgresql():
        return not_applicable(_EMBEDDED)
    if "parley.E005" not in asked.messages and (rights := excessive()):
        remedy = "Run `manage.py migrate --database owner`: it takes them away."
        return error(f"The server's role has more rights than it needs: {', '.join(rights)}.", remedy)
    return ok("It does and can.")


@check("database.migrated", "All migrations are applied")
def migrated(asked: Asked) -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return error(f"{len(missing)} are not.", "Run `manage.py migrate --database owner`.")
    return ok("They are.")


@check("database.durable", "What was acknowledged survives a power cut")
def durable(asked: Asked) -> Finding:
    if not _is_postgresql():
        (level,) = _one("PRAGMA synchronous")
        return ok("SQLite waits for the disk.") if level >= 2 else error("SQLite does not.", "PRAGMA synchronous=FULL")
    off = [name for name in ("fsync", "synchronous_commit", "full_page_writes") if _one(f"SHOW {name}") == ("off",)]
    if off:
        remedy = f"Set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf, or for the server's role."
        return error(f"PostgreSQL says done before it is: {', '.join(off)} off.", remedy)
    return ok("PostgreSQL says done when it is on the disk.")


@check("database.connections", "PostgreSQL has room for the connections of all processes")
def connections(asked: Asked) -> Finding:
    if not _is_postgresql():
        return not_applicable(_EMBEDDED)
    (room,) = _one(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    each: int = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    needed = each * (asked.processes + 1)
    if needed <= room:
        return ok(f"{asked.processes} processes and one more during a restart take {needed} of {room}.")
    remedy = "Raise max_connections, or lower DATABASE_THREADS; --processes says how many there are."
    found = f"{asked.processes} processes and one more during a restart may take {needed}; there are {room}."
    return error(found, remedy) if each > room else warning(found, remedy)


@check("database.room", "The disk of the database has room, and some is kept for the audit log")
def room(asked: Asked) -> Finding:
    if reserve.is_short():
        return error("It is full: nothing is stored but entries of what is read.", "Make room: it goes on by itself.")
    if not settings.DATABASE_RESERVE:
        return warning("DATABASE_RESERVE is 0: when the disk is full, nothing can be read either.", "Set it.")
    return ok("It has.")


@check("database.clock", "The clocks of the database and of this machine agree")
def clock(asked: Asked) -> Finding:
    if not _is_postgresql():
        return not_applicable(_EMBEDDED)
    before = machine_now()
    (theirs,) = _one("SELECT clock_timestamp()")
    after = machine_now()
    theirs = theirs.astimezone(UTC)
    apart = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    remedy = "Let a time service (chrony, systemd-timesyncd) run on both machines."
    if apart > _WRONG:
        return error(f"They are {apart:.0f} s apart.", remedy)
    if apart > _SLOW:
        return warning(f"They are {apart:.1f} s apart.", remedy)
    return ok("They do.")
