"""Other sites' pages: only the named ones may read answers of the API, and only of the API."""

from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from tests.live import Server

pytestmark = pytest.mark.core

FRIEND = "https://portal.example"
STRANGERS = [
    "https://evil.example",
    "null",
    "https://portal.example.evil.example",
    "https://evilportal.example",
    "http://portal.example",
    "https://portal.example:444",
]


@pytest.fixture
def rest(server: Server, settings: Settings) -> Iterator[httpx.Client]:
    """With one site named, as `CORS_ORIGINS=https://portal.example` does it."""
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    settings.CORS_ALLOW_CREDENTIALS = True
    with httpx.Client(base_url=server.url) as client:
        yield client


def preflight(client: httpx.Client, origin: str, path: str = "/api/v1/me") -> httpx.Response:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    return client.options(path, headers={"Origin": origin, **asked})


def test_a_named_site_may_ask_and_read(rest: httpx.Client) -> None:
    answer = preflight(rest, FRIEND)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    answer = rest.get("/api/v1/me", headers={"Origin": FRIEND})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("origin", STRANGERS)
def test_any_other_may_not(rest: httpx.Client, origin: str) -> None:
    for answer in (preflight(rest, origin), rest.get("/api/v1/me", headers={"Origin": origin})):
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/health", "/static/chat/page.js"])
def test_outside_the_api_nobody_may(rest: httpx.Client, path: str) -> None:
    assert "access-control-allow-origin" not in rest.get(path, headers={"Origin": FRIEND}).headers


def test_by_default_nobody_is_named(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        assert "access-control-allow-origin" not in preflight(client, FRIEND).headers
