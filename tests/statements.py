"""How many statements something costs, whichever thread they end up in; on PostgreSQL and on SQLite.

from tests.statements import cost, watched     # `watched` is a fixture that every test of the module uses

assert cost(few) == cost(many)
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.backends.sqlite3.base import SQLiteCursorWrapper
from django.test import Client

from accounts.models import LoginSession
from core.time import now
from tests.people import Person, bearer

_counted: ContextVar[list[str] | None] = ContextVar("_counted", default=None)
_writers: list[str] = []

_UNCOUNTED = ("BEGIN", "PRAGMA")
"""What only SQLite is told through a cursor: the beginning of a transaction, and how a connection behaves."""


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every statement of whoever has asked for counting, in whichever thread it ends up."""
    cursor = psycopg.Cursor if connection.vendor == "postgresql" else SQLiteCursorWrapper
    for name in ("execute", "executemany"):
        monkeypatch.setattr(cursor, name, _watched(getattr(cursor, name)))


@contextmanager
def statements() -> Iterator[list[str]]:
    """What this test causes: its own statements, those of threads that work for it, and those of writer and reader."""
    found: list[str] = []
    _writers.clear()
    token = _counted.set(found)
    try:
        yield found
    finally:
        _counted.reset(token)
        found += _writers


def cost(action: Callable[[], object], before_again: Callable[[], object] = lambda: None) -> int:
    """The statements of `action`, when keys are in memory already: it is done twice, and counted the second time."""
    action()
    before_again()
    # That a session was seen is written once a minute: not just now.
    LoginSession.objects.update(last_seen=now())
    with statements() as found:
        action()
    return len(found)


def get(person: Person, address: str) -> Callable[[], Any]:
    """A request that succeeds."""
    return ask(person, "GET", address)


def ask(person: Person, method: str, address: str, body: object = None) -> Callable[[], Any]:
    """The same with another method, and a body."""
    client = Client(headers=dict(bearer(person).items()))
    content = "" if body is None else json.dumps(body)

    def asking() -> Any:
        response = client.generic(method, f"/api/v1/{address}", content, content_type="application/json")
        assert response.status_code in {200, 201, 204}, response.content
        return response.json() if response.content else None

    return asking


def _watched(execute: Callable[..., Any]) -> Callable[..., Any]:
    def watched_execute(cursor: Any, query: Any, *rest: Any, **more: Any) -> Any:
        found = _writers if threading.current_thread().name.startswith("audit-") else _counted.get()
        # The pool asks a connection for nothing at all, to see whether it is alive.
        if found is not None and query and not str(query).startswith(_UNCOUNTED):
            found.append(str(query))
        return execute(cursor, query, *rest, **more)

    return watched_execute
