"""What surrounds every answer: headers, ids, and refusals of what no client of ours sends."""

import socket
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from tests.live import Server
from tests.people import Person, client_for

pytestmark = pytest.mark.core

NOWHERE = "/api/v1/nowhere"


def raw(server: Server, request: bytes) -> bytes:
    """The first bytes of the answer to exactly these bytes."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), 10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize("path", ["/", "/health/live", NOWHERE, "/api/v1/me", "/api/schema", "/admin/login/"])
def test_every_answer_carries_the_security_headers(server: Server, path: str) -> None:
    """T158, T159."""
    answer = httpx.get(server.url + path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert UUID(answer.headers["x-request-id"]).version == 7


def test_the_request_id_is_the_servers_own(server: Server) -> None:
    answer = httpx.get(server.url + NOWHERE, headers={"X-Request-ID": "mine"})
    assert answer.json()["requestId"] == answer.headers["x-request-id"] != "mine"


def test_an_unknown_address_is_a_problem(server: Server) -> None:
    answer = httpx.get(server.url + NOWHERE)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "There is nothing here for you.",
        "status": 404,
        "detail": "There is nothing here for you.",
        "code": "not_found",
        "requestId": answer.headers["x-request-id"],
    }


def test_a_trailing_slash_is_another_address(server: Server) -> None:
    assert httpx.get(server.url + "/api/v1/me/").status_code == 404


@pytest.mark.parametrize("method", ["TRACE", "PUT", "get"])
def test_a_method_the_address_does_not_have_is_405(server: Server, method: str) -> None:
    """T058."""
    answer = raw(server, f"{method} /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.split()[1] in {b"405", b"400", b"401"}
    assert b"200" not in answer.split(b"\r\n")[0]


def test_a_405_names_the_methods_that_are_allowed(server: Server, pat1: Person) -> None:
    with client_for(pat1, server) as rest:
        answer = rest.put("/api/v1/me", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "PATCH"} <= set(answer.headers["allow"].split(", "))


def test_a_method_override_is_ignored(server: Server) -> None:
    """T058."""
    answer = httpx.get(server.url + "/health/live?_method=DELETE", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 200


def test_a_host_that_is_not_ours_is_refused(server: Server) -> None:
    answer = httpx.get(server.url + "/health/live", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "headers",
    [[("X-Same", "a")] * 5000, [("X-Big", "a" * 65536)], [("X-Many", "a" * 400)] * 99],
    ids=["5000 headers", "one of 64 KiB", "99 that weigh too much"],
)
def test_headers_are_bounded(server: Server, headers: list[tuple[str, str]]) -> None:
    """T131."""
    answer = httpx.get(server.url + "/health/live", headers=headers)
    assert answer.status_code in {400, 431}


def test_ten_thousand_query_parameters_are_refused(server: Server) -> None:
    """T131."""
    query = "&".join(f"p{n}=1" for n in range(10_000))
    answer = raw(server, f"GET /health/live?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert answer.split()[1] in {b"400", b"414", b"431"}


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_body_is_bounded(server: Server, chunked: bool) -> None:
    body = b'{"username": "' + b"a" * (1 << 20) + b'"}'
    content = iter([body[n : n + 65536] for n in range(0, len(body), 65536)]) if chunked else body
    answer = httpx.post(
        server.url + "/api/v1/auth/token", content=content, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 10_000, b'{"a": NaN}', b'{"a": 1e999}', b'{"a": ' + b"9" * 60_000 + b"}", b"[]", b'"x"', b"\xff\xfe"],
    ids=["half", "nested", "NaN", "infinite", "huge", "list", "text", "not UTF-8"],
)
def test_a_body_that_is_no_json_object_is_400(server: Server, body: bytes) -> None:
    """T029 for REST."""
    answer = httpx.post(server.url + "/api/v1/auth/token", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_body_of_another_type_is_415(server: Server) -> None:
    answer = httpx.post(server.url + "/api/v1/auth/token", data={"username": "a", "password": "b"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_origin_nobody_named_gets_no_cors_headers(server: Server) -> None:
    answer = httpx.options(
        server.url + "/api/v1/me",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
    )
    assert "access-control-allow-origin" not in answer.headers


def test_static_files_are_served_and_may_be_kept(server: Server) -> None:
    page = httpx.get(server.url + "/")
    assert page.status_code == 200
    assert httpx.get(server.url + "/favicon.ico", follow_redirects=True).status_code == 200
    assert httpx.get(server.url + "/static/../config/settings.py").status_code == 404
