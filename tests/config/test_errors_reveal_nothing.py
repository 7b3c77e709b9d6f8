"""T099: whatever is forced to fail, no answer has a key, an address with a password, a stack or a setting in it."""

import os
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.contrib.admin import AdminSite

from config.metrics import view
from tests.accounts.admin import Admin
from tests.live import Server
from tests.people import Person

pytestmark = pytest.mark.core

CANARY = "canary-7f3a"
STACKS = ("Traceback", 'File "', ".py", "site-packages", "KeyError", "django.", "Django")
SETTINGS = ("SECRET_KEY", "MASTER_KEYS", "INSTALLED_APPS", "DATABASES", "DATABASE_URL", "ROOT_URLCONF", "DEBUG = True")


def secrets() -> Iterator[str]:
    """Everything that may be in nobody's hands, whole and in its parts."""
    for name in ("MASTER_KEYS", "JWT_KEYS", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DEMO_PASSWORD"):
        if value := getattr(settings, name):
            yield value
            yield from (key.partition(":")[2] for key in value.split(",") if name.endswith("KEYS"))
    for url in (os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")):
        if url and urlsplit(url).password:
            yield str(urlsplit(url).password)
    yield str(settings.DATA_DIR)
    yield str(settings.BASE_DIR)


def assert_reveals_nothing(content: str, *, html: bool = False) -> None:
    found = [secret for secret in secrets() if secret in content]
    # The admin's own pages speak of Django, and so do the paths of its files.
    found += [mark for mark in (*STACKS, *SETTINGS, CANARY) if mark in content and not (html and "jango" in mark)]
    assert found == []


BAD_HEADERS = {
    "an encoding nobody knows": {"Content-Type": f"application/json; charset={CANARY}"},
    "a broken session": {"Cookie": f'sessionid={CANARY}; csrftoken="{CANARY}'},
    "another host": {"Host": f"{CANARY}.example"},
    "a token that is none": {"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"},
    "a length that is none": {"Content-Type": "multipart/form-data; boundary="},
    "a range that is none": {"Range": f"bytes={CANARY}"},
    "much too much": {"X-Long": "x" * 40_000},
}
PATHS = ("/", "/metrics", "/health", "/admin/", "/admin/login/", "/api/v1/me", "/api/v1/auth/token", "/files/x", "/no")


@pytest.mark.parametrize("headers", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
@pytest.mark.parametrize("path", PATHS)
def test_a_bad_header_is_answered_without_a_word_too_many(server: Server, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        content = b"{" if method == "POST" else None
        answer = httpx.request(method, f"{server.url}{path}", headers=headers, content=content)
        assert answer.status_code < 500
        assert_reveals_nothing(answer.text, html="html" in answer.headers.get("content-type", ""))


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\x00\xff: x\r\n\r\n",
        b"GET /%ff%fe%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_hardly_http_is_answered_so_too(server: Server, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(request_)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not answer.startswith(b"HTTP/1.1 5")
    assert_reveals_nothing(answer.decode("latin-1"))


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/auth/token", "/api/v1/attachments", "/metrics"])
def test_a_huge_form_is_refused_without_a_word_too_many(server: Server, path: str) -> None:
    many = {f"{CANARY}-{number}": "x" for number in range(20_000)}
    large = {CANARY: "x" * (2 << 20)}
    for form in (many, large):
        answer = httpx.post(f"{server.url}{path}", data=form)
        assert 400 <= answer.status_code < 500
        assert_reveals_nothing(answer.text)
    parts = {f"{CANARY}-{number}": (CANARY, b"x", "text/plain") for number in range(300)}
    answer = httpx.post(f"{server.url}{path}", files=parts)
    assert 400 <= answer.status_code < 500
    assert_reveals_nothing(answer.text)


@pytest.fixture
def failing(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the place fail with everything that is secret in its message and in its local variables."""

    def fail(*_: object, **__: object) -> None:
        within_reach = [CANARY, *secrets()]
        raise KeyError(*within_reach)

    def place(path: str) -> None:
        if path == "/health":
            monkeypatch.setattr(server.hub, "counts", fail)
        elif path == "/metrics":
            monkeypatch.setattr(view, "exposition", fail)
        else:
            monkeypatch.setattr(AdminSite, "each_context", fail)

    return place


@pytest.mark.parametrize("path", ["/health", "/metrics", "/admin/"])
def test_the_page_of_a_defect_says_that_it_is_one_and_nothing_else(
    server: Server, adm1: Person, failing: Callable[[str], None], path: str
) -> None:
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        admin = Admin(client)
        admin.sign_in(adm1.username)
        failing(path)
        answer = admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert_reveals_nothing(answer.text)
    assert not [value for name, value in answer.headers.items() if name != "date" and CANARY in value]


def test_what_works_says_nothing_of_the_server_itself(server: Server, adm1: Person) -> None:
    """Figures, health and the admin, as those see them who may."""
    assert_reveals_nothing(httpx.get(f"{server.url}/metrics").text)
    for path in ("/health", "/health/live", "/health/ready"):
        assert_reveals_nothing(httpx.get(f"{server.url}{path}").text)
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        admin = Admin(client)
        admin.sign_in(adm1.username)
        for path in ("/admin/", "/admin/accounts/user/", "/admin/nothing/", "/admin/accounts/user/?q=%ff&o=x"):
            assert_reveals_nothing(admin.get(path).text, html=True)


def test_the_search_itself_finds_what_is_there() -> None:
    """Without this the tests above could never fail."""
    for revealing in [*secrets(), 'Traceback (most recent call last):\n  File "x.py"', "SECRET_KEY = 1", CANARY]:
        with pytest.raises(AssertionError):
            assert_reveals_nothing(f"<pre>{revealing}</pre>")
