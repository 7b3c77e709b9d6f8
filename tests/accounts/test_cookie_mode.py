"""Cookie mode: the refresh token of a browser, which no script sees."""

from http.cookies import SimpleCookie

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.people import PASSWORD, Person

pytestmark = pytest.mark.core

PARLEY = {"X-Parley": "1"}


def sign_in(client: httpx.Client) -> httpx.Response:
    return client.post("/auth/token", json={"username": "doc1", "password": PASSWORD, "cookie": True})


def refresh_by_cookie(client: httpx.Client) -> httpx.Response:
    return client.post("/auth/token/refresh", headers=PARLEY)


@pytest.fixture
def browser(rest: Rest, doc1: Person) -> httpx.Client:
    """Signed in as doc1 in cookie mode."""
    client = rest()
    assert sign_in(client).status_code == 200
    return client


def test_the_refresh_token_travels_only_as_a_cookie(anonymous: httpx.Client, doc1: Person) -> None:
    answer = sign_in(anonymous)
    assert answer.json().keys() == {"access", "expiresIn", "user"}
    [header] = answer.headers.get_list("set-cookie")
    cookie = SimpleCookie(header)["refresh"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert 0 < int(cookie["max-age"]) <= 7 * 86400
    assert not cookie["secure"]
    assert not cookie["domain"]


@pytest.mark.parametrize(
    ("host", "https", "name"),
    [
        ("chat.example.org", True, "__Host-refresh"),
        ("chat.example.org", False, "__Host-refresh"),
        ("127.0.0.1:8000", True, "__Host-refresh"),
        ("127.0.0.1:8000", False, "refresh"),
        ("localhost", False, "refresh"),
        ("[::1]:8000", False, "refresh"),
        ("127.0.0.1.example.org", False, "__Host-refresh"),
        ("localhost.example.org", False, "__Host-refresh"),
    ],
)
def test_only_plain_http_on_loopback_has_a_cookie_that_is_not_secure(
    doc1: Person, settings: Settings, host: str, https: bool, name: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    body = {"username": "doc1", "password": PASSWORD, "cookie": True}
    client = Client(headers={"host": host})
    answer = client.post("/api/v1/auth/token", body, content_type="application/json", secure=https)
    assert list(answer.cookies) == [name]
    assert bool(answer.cookies[name]["secure"]) is name.startswith("__Host-")


def test_the_cookie_and_the_header_together_refresh(browser: httpx.Client) -> None:
    before = browser.cookies["refresh"]
    answer = refresh_by_cookie(browser)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access", "expiresIn"}
    assert browser.cookies["refresh"] != before
    assert refresh_by_cookie(browser).status_code == 200


def test_an_empty_object_is_as_good_as_no_body(browser: httpx.Client) -> None:
    assert browser.post("/auth/token/refresh", json={}, headers=PARLEY).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-Parley": "0"}, {"X-Parley": ""}, {"X-Requested-With": "XMLHttpRequest"}])
def test_the_cookie_without_the_header_does_nothing(browser: httpx.Client, headers: dict[str, str]) -> None:
    for path in ("/auth/token/refresh", "/auth/logout"):
        assert_problem(browser.post(path, headers=headers), 403, "forbidden")
    assert not recorded("session.refreshed")
    assert not recorded("session.ended")
    assert refresh_by_cookie(browser).status_code == 200


def test_the_header_without_a_cookie_asks_to_sign_in(rest: Rest, database: None) -> None:
    for path in ("/auth/token/refresh", "/auth/logout"):
        assert_problem(rest().post(path, headers=PARLEY), 401, "unauthenticated")


def test_a_token_in_the_body_wins_over_the_cookie(browser: httpx.Client, pat1: Person) -> None:
    before = browser.cookies["refresh"]
    answer = browser.post("/auth/token/refresh", json={"refresh": pat1.signed_in.refresh})
    assert answer.json().keys() == {"access", "refresh", "expiresIn"}
    assert browser.cookies["refresh"] == before


def test_the_cookie_opens_nothing_else(browser: httpx.Client) -> None:
    for path in ("/me", "/users", "/auth/sessions"):
        assert_problem(browser.get(path, headers=PARLEY), 401, "unauthenticated")
    assert_problem(browser.post("/auth/logout-all", headers=PARLEY), 401, "unauthenticated")


def test_signing_out_by_cookie_ends_the_session_and_the_cookie(browser: httpx.Client) -> None:
    token = browser.cookies["refresh"]
    assert browser.post("/auth/logout", headers=PARLEY).status_code == 204
    assert "refresh" not in browser.cookies
    browser.cookies["refresh"] = token
    assert_problem(refresh_by_cookie(browser), 401, "token_revoked")
    assert_problem(browser.post("/auth/logout", headers=PARLEY), 401, "token_revoked")
    assert [entry.reason for entry in recorded("session.ended")] == ["logout"]


def test_signing_out_by_bearer_token_ends_the_cookie_too(rest: Rest, doc1: Person) -> None:
    client = rest()
    bearer = {"Authorization": f"Bearer {sign_in(client).json()['access']}"}
    assert client.post("/auth/logout", headers=bearer | PARLEY).status_code == 204
    assert "refresh" not in client.cookies


@pytest.mark.parametrize("token", ["x", "A" * 43])
def test_signing_out_by_a_cookie_that_means_nothing_is_refused(rest: Rest, database: None, token: str) -> None:
    client = rest(cookies={"refresh": token})
    assert_problem(client.post("/auth/logout", headers=PARLEY), 401, "token_invalid")
