"""T132: more requests than the database can serve at once are told so; nothing piles up, and it passes."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import LiteralString

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection
from psycopg_pool import PoolTimeout
from pytest_django import Settings

from realtime import threads
from tests.accounts.admin import Admin
from tests.live import Server
from tests.people import Person, bearer, client_for, open_clinical

on_postgres = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no locks of tables")
connection  # noqa: B018  the condition above reads it

MANY = 60


@pytest.fixture
def asking() -> Iterator[ThreadPoolExecutor]:
    """The people who ask. It is there before anything is held up: they get their answers when it is over."""
    with ThreadPoolExecutor(MANY, thread_name_prefix="asking") as people:
        yield people


@contextmanager
def locked(table: LiteralString) -> Iterator[None]:
    """Whoever reads the table waits, as during a migration that takes its time."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as blocker:
        blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        blocker.rollback()


def nobody_can_be_recognised() -> AbstractContextManager[None]:
    """Whoever asks for a session waits."""
    return locked("accounts_loginsession")


def wait_for(answered: list["Future[httpx.Response]"], count: int) -> list[httpx.Response]:
    """The answers of the first so many that are answered."""
    deadline = time.monotonic() + 20
    while sum(one.done() for one in answered) < count:
        assert time.monotonic() < deadline, "they are not answered"
        time.sleep(0.02)
    return [one.result() for one in answered if one.done()]


def servers_threads() -> int:
    """How many threads of this process are not the test's."""
    return sum(not thread.name.startswith("asking") for thread in threading.enumerate())


@on_postgres
def test_who_finds_no_free_thread_is_told_when_to_come_again(
    server: Server, pat1: Person, asking: ThreadPoolExecutor
) -> None:
    headers, turned_away = bearer(pat1), MANY - settings.DATABASE_THREADS
    assert httpx.get(server.url + "/api/v1/me", headers=headers).status_code == 200

    def ask() -> httpx.Response:
        return httpx.get(server.url + "/api/v1/me", headers=headers, timeout=30)

    before = servers_threads()
    with nobody_can_be_recognised():
        asked = [asking.submit(ask) for _ in range(MANY)]
        refused = wait_for(asked, turned_away)
        assert len(refused) == turned_away
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "database_unavailable")}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        # The pool, at most one of Django's own for each request that is served, and those of the loop and the database.
        server.sees(lambda: servers_threads() <= before + 2 * settings.DATABASE_THREADS + 10)
        assert httpx.get(server.url + "/health/live").status_code == 200
    assert sorted(one.result().status_code for one in asked) == [200] * settings.DATABASE_THREADS + [503] * turned_away
    assert ask().status_code == 200


@on_postgres
def test_who_waits_too_long_for_a_page_is_told_too(
    server: Server, pat1: Person, doc1: Person, asking: ThreadPoolExecutor
) -> None:
    """Pages are read in groups: the first waits for the table, whoever came after it is told."""
    page = f"{server.url}/api/v1/conversations/{open_clinical(pat1, doc1)}/messages"
    headers = bearer(pat1)
    with locked("messaging_message"):
        asked = [asking.submit(httpx.get, page, headers=headers, timeout=30) for _ in range(MANY)]
        refused = wait_for(asked, MANY - 20)
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "database_unavailable")}
    statuses = [one.result().status_code for one in asked]
    assert set(statuses) == {200, 503}
    assert httpx.get(page, headers=headers).status_code == 200


@on_postgres
def test_clients_that_ask_and_go_away_do_not_fill_the_pool(
    server: Server, pat1: Person, asking: ThreadPoolExecutor
) -> None:
    """A thread that works for nobody keeps its place: who comes next is turned away in time and does not hang."""
    headers = bearer(pat1)

    def ask_and_leave() -> httpx.Response:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(server.url + "/api/v1/me", headers=headers, timeout=0.5)
        return httpx.Response(499)

    with nobody_can_be_recognised():
        wait_for([asking.submit(ask_and_leave) for _ in range(MANY)], MANY)
        answer = httpx.get(server.url + "/api/v1/me", headers=headers, timeout=threads.LONGEST_WAIT + 5)
        assert answer.status_code == 503
    assert httpx.get(server.url + "/api/v1/me", headers=headers).status_code == 200


@pytest.mark.core
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/conversations", "/health/ready"])
def test_a_database_that_is_away_is_503_everywhere(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    with client_for(pat1, server) as rest:
        _take_the_database_away(monkeypatch)
        answer = rest.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "10.0.0.7" not in answer.text


@pytest.fixture
def in_admin(server: Server, adm1: Person, settings: Settings) -> Iterator[httpx.Client]:
    """A browser in which staff have signed in to the admin."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    with httpx.Client(base_url=server.url) as browser:
        assert Admin(browser).sign_in(adm1.username).status_code == 302
        yield browser


@pytest.mark.core
def test_the_admins_sessions_are_no_exception(in_admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django reads and writes them outside the views."""
    assert in_admin.get("/admin/").status_code == 200
    _take_the_database_away(monkeypatch)
    answer = in_admin.get("/admin/")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


def _take_the_database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """From whoever holds a connection too: a thread keeps its own for a moment."""
    monkeypatch.setattr(threads, "LONGEST_HOLD", 0.0)
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.connect", _no_connection)


def _no_connection(self: object) -> None:
    raise OperationalError("could not connect to 10.0.0.7") from PoolTimeout("couldn't get a connection")


@on_postgres
def test_the_admin_gives_its_connections_back(in_admin: httpx.Client) -> None:
    """More requests than the pool has connections, each with a session: Django's own threads hold none back."""
    most = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    assert {in_admin.get("/admin/password_change/").status_code for _ in range(most + 5)} == {200}
