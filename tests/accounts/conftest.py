"""What the tests of people and sessions share: clients of the account routes, and what the audit log says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from audit.models import Entry
from tests.accounts.admin import Admin
from tests.live import Server
from tests.people import Person, bearer, make_user

Rest = Callable[..., httpx.Client]


@pytest.fixture
def rest(server: Server) -> Iterator[Rest]:
    """`rest(pat1)` is a client of /api/v1 signed in as pat1, `rest()` one that is not signed in."""
    with ExitStack() as clients:

        def client(who: User | Person | str | None = None, **more: object) -> httpx.Client:
            headers = {} if who is None else bearer(who)
            base_url = f"{server.url}/api/v1"
            return clients.enter_context(
                httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False, **more)  # type: ignore[arg-type]  # httpx's own options
            )

        yield client


@pytest.fixture
def anonymous(rest: Rest) -> httpx.Client:
    """A client that is not signed in; it keeps the cookies it gets."""
    return rest()


def recorded(action: str) -> list[Entry]:
    """The audit entries of one verb, in their order."""
    return list(Entry.objects.filter(action=action).order_by("id"))


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """An answer of RFC 9457 with this status and code."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def field_errors(answer: httpx.Response) -> dict[str, str]:
    """Field → code of the errors in an answer."""
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A web server nobody is meant to call, and what was asked of it."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys", requests
        server.shutdown()


@pytest.fixture
def connection_queries(database: None) -> Iterator[CaptureQueriesContext]:
    """The queries of the test's own thread."""
    with CaptureQueriesContext(connection) as queries:
        yield queries


@pytest.fixture
def admin(server: Server, settings: Settings) -> Iterator[Admin]:
    # The tests talk plain HTTP, as a development server does.
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    with httpx.Client(base_url=server.url, timeout=30, follow_redirects=True, trust_env=False) as client:
        yield Admin(client)


@pytest.fixture
def as_adm1(admin: Admin, adm1: Person) -> Admin:
    assert "Log out" in admin.sign_in("adm1").text
    return admin


@pytest.fixture
def as_staff(admin: Admin, database: None) -> Admin:
    """Staff who may create and change people, and are no superusers."""
    user = make_user("desk", "staff", is_staff=True)
    rights = ["add_user", "change_user", "view_user"]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts", codename__in=rights))
    assert "Log out" in admin.sign_in("desk").text
    return admin
