"""T159: whatever kind of answer it is, a browser is told the same: run nothing but our own files, be in nobody's frame,
come back by TLS alone, and keep the admin's cookies to itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from attachments.storage import forget_store
from tests.attachments.filing import NOTE, link_to, uploaded
from tests.live import Server
from tests.people import PASSWORD, Person, client_for, open_clinical

pytestmark = pytest.mark.core

BY_TLS = {"X-Forwarded-Proto": "https"}
UNSAFE = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "http:", "*")

HTML = ["/", "/api/docs"]
API = ["/api/v1/me", "/api/v1/nowhere", "/api/schema", "/api/asyncapi", "/health", "/health/ready", "/metrics"]
FILES = ["/files/none", "/static/chat/page.js", "/static/nothing", "/favicon.ico"]
ADMIN = ["/admin/", "/admin/login/", "/admin/second-factor/", "/admin/nowhere/", "/static/admin/css/base.css"]


@pytest.fixture(autouse=True)
def behind_tls(settings: Settings) -> None:
    """As production has it: one proxy of ours, and cookies for TLS alone."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True


@pytest.fixture
def folder_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(django_settings, "DATA_DIR", tmp_path)
    forget_store()
    yield
    forget_store()


def promised(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    directives = {part.strip() for part in policy.split(";")}
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= directives
    sources = {source for directive in directives for source in directive.split()[1:]}
    assert not sources & {*UNSAFE, *(f"'{word}'" for word in UNSAFE)}
    assert int(re.findall(r"max-age=(\d+)", answer.headers["strict-transport-security"])[0]) >= 31536000
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] in {"same-origin", "no-referrer"}
    for cookie in answer.headers.get_list("set-cookie"):
        if "Max-Age=0" in cookie.split("; "):
            continue  # It takes one away, and holds nothing.
        assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; ")), cookie


@pytest.mark.parametrize("path", [*HTML, *API, *FILES, *ADMIN])
def test_a_strangers_answer_carries_the_promises(server: Server, path: str) -> None:
    promised(httpx.get(server.url + path, headers=BY_TLS))


@pytest.mark.parametrize("method", ["POST", "PUT", "TRACE"])
def test_so_does_a_refused_method(server: Server, method: str) -> None:
    for path in ("/", "/api/v1/me", "/files/none", "/admin/login/"):
        promised(httpx.request(method, server.url + path, headers=BY_TLS))


def test_so_does_a_refused_host(server: Server) -> None:
    answer = httpx.get(server.url, headers={**BY_TLS, "Host": "evil.example"})
    assert answer.status_code == 400
    promised(answer)


def test_so_do_a_message_and_a_file(server: Server, folder_of_files: None, pat1: Person, doc1: Person) -> None:
    conversation = str(open_clinical(pat1, doc1))
    with client_for(pat1, server) as rest:
        rest.headers.update(BY_TLS)
        sent = rest.post(f"/api/v1/conversations/{conversation}/messages", json={"content": "<b>K<3.5</b>"})
        assert sent.status_code == 201
        promised(sent)
        file = uploaded(rest, conversation)
        opened = httpx.get(server.url + link_to(rest, file), headers=BY_TLS)
        assert (opened.status_code, opened.content) == (200, NOTE)
        promised(opened)
        assert "sandbox" in opened.headers["content-security-policy"]
        assert opened.headers["content-disposition"].startswith("attachment")


def test_so_does_the_admin_from_sign_in_to_sign_out(server: Server, adm1: Person) -> None:
    """The cookies as well, of which two are set on the way."""
    # The origin that a browser would name, by the scheme that the proxy tells.
    origin = {"Origin": server.url.replace("http:", "https:"), **BY_TLS}
    with httpx.Client(base_url=server.url, headers=origin) as browser:
        cookies: dict[str, str] = {}

        def ask(method: str, path: str, **form: str) -> httpx.Response:
            """A cookie jar that is given Secure cookies over plain HTTP would send none of them back."""
            held = "; ".join(f"{name}={value}" for name, value in cookies.items())
            answer = browser.request(method, path, data=form or None, headers={"Cookie": held})
            promised(answer)
            for cookie in answer.headers.get_list("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                cookies[name] = value
            return answer

        token = _token(ask("GET", "/admin/login/"))
        fields = {"username": adm1.username, "password": PASSWORD, "next": "/admin/"}
        assert ask("POST", "/admin/login/", csrfmiddlewaretoken=token, **fields).status_code == 302
        assert {"sessionid", "csrftoken"} <= cookies.keys()
        index = ask("GET", "/admin/")
        assert index.status_code == 200
        for path in re.findall(r'href="(/admin/[a-z_]+/[a-z_]+/)"', index.text):
            assert ask("GET", path).status_code == 200
        left = ask("POST", "/admin/logout/", csrfmiddlewaretoken=_token(index))
        assert left.status_code in {200, 302}


def _token(page: httpx.Response) -> str:
    [found, *_] = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    return str(found)
