"""The database of the suite: migrated once as the owner's role, used as the app's, put back before every test.

Every test commits for real, as the server does; there is no transaction around a test that could hide what only a
COMMIT shows. A test that needs no database says so (`pytest.mark.no_database`) and starts without migrations.
"""

import functools
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import caches
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection
from httpx._transports import default
from pytest_django import DjangoDbBlocker

from audit import seals, writer
from core.limits import buckets
from encryption.keyring import keyring
from tests.everyday import first_stands_for_others
from tests.reset import PostgresReset, Reset, SqliteReset

LONG = (
    *(f"tests/{folder}/" for folder in ("attachments", "config", "deploy", "doors", "page", "promises", "realtime")),
    "tests/messaging/test_verify_counters.py",
)
"""Where the files are that take longest."""

pytest_plugins = ["tests.live", "tests.people", "tests.shown", "tests.peers.clamd", "tests.peers.storage"]

# httpx reads the whole list of certificate authorities for every client: 28 ms, of a test that takes 100. The context
# is only read afterwards, so that all clients can have the same.
default.create_ssl_context = functools.cache(default.create_ssl_context)  # type: ignore[attr-defined]  # not public

# argon2 is slow on purpose: 190 ms of processor time for each sign-in. In this process it does the least it can; in
# servers and commands that tests start it costs what it costs.
Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost, Argon2PasswordHasher.parallelism = 1, 8, 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files come first: one that began last would leave the other processes nothing to do. Everyday the first case
    of each test stands for the others, and on the embedded default the first test of each file; but where every door is
    asked, or every promise, nothing is left out."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    here = Path(__file__).parent
    always = (here / "doors", here / "promises")
    files = {item.path for item in items if item.path.parent not in always}
    is_embedded = os.environ.get("PARLEY_TEST_BACKEND") == "embedded"
    first_stands_for_others(items, files, of_each_test=not is_embedded)


def pytest_collection_finish() -> None:
    """What has been loaded by now stays, and need not be looked through for garbage again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def reset(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Reset]:
    """Migrates, then remembers the rows that every test starts from; the organisation's keys are among them.

    pytest-django's block on the database is lifted until the end: the threads of a live server need it between tests.
    """
    with django_db_blocker.unblock():
        _migrate()
        keyring().ensure_organisation_keys()
        reset = _reset()
        yield reset
        writer.stop()
        reset.close()
        _let_go_of_connections()


@pytest.fixture(scope="session")
def django_db_setup(reset: Reset) -> None:
    """In place of pytest-django's, which would make a database of its own, as the app's role."""


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    """The database, the caches, Redis and the limits as they are on a fresh installation, before each test.

    The key ring stays in memory: the keys it holds are still right, and a live server reads it meanwhile. A test that
    changes the vault calls `encryption.keyring.reset_keyring` itself.
    """
    if request.node.get_closest_marker("no_database"):
        return
    reset: Reset = request.getfixturevalue("reset")
    reset()
    seals.forget()
    for cache in caches.all():
        cache.clear()
    buckets.clear()
    if redis_client := request.getfixturevalue("redis_client"):
        redis_client.flushdb()


@pytest.fixture(scope="module")
def emptied(reset: Reset) -> None:
    """For processes that a module shares: they start before `database`, on whatever the last test has left.

    That may be a key that it damaged.
    """
    reset()


@pytest.fixture(scope="session")
def redis_client() -> Iterator["redis.Redis | None"]:
    """A client of the Redis that the server uses; None on the embedded default."""
    if "REDIS_URL" not in os.environ:
        yield None
        return
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture
def tamper(reset: Reset) -> Callable[..., int]:
    """`tamper("UPDATE … WHERE id = %s", [id])`: what only a superuser can do, with the triggers off (Reset.tamper)."""
    return reset.tamper


def _let_go_of_connections() -> None:
    connections.close_all()
    if isinstance(connection := connections["default"], PostgresConnection):
        connection.close_pool()


def _migrate() -> None:
    owner = "owner" if "owner" in settings.DATABASES else "default"
    call_command("migrate", database=owner, interactive=False, verbosity=0)
    connections[owner].close()


def _reset() -> Reset:
    if superuser_url := os.environ.get("TEST_SUPERUSER_URL"):
        return PostgresReset(superuser_url)
    return SqliteReset(str(settings.DATABASES["default"]["NAME"]))
