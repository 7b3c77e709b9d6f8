"""What surrounds every answer: headers, ids, and refusals of what no client of ours sends."""

import socket
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from pytest_django import Settings

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
        "detail": "No such address: /api/schema has them all. None ends in a slash.",
        "code": "not_found",
        "requestId": answer.headers["x-request-id"],
    }


def test_a_trailing_slash_is_another_address(server: Server) -> None:
    assert httpx.get(server.url + "/api/v1/me/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("TRACE", "/api/v1/me", ""),
        ("TRACE", "/health/live", ""),
        ("PUT", "/health/live", "GET, HEAD"),
        ("POST", "/api/schema", "GET, HEAD"),
        ("POST", "/api/asyncapi", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD, OPTIONS"),
        ("POST", "/static/chat/page.js", "GET, HEAD"),
    ],
)
def test_a_method_the_address_does_not_have_is_405(server: Server, method: str, path: str, allowed: str) -> None:
    """T058."""
    answer = httpx.request(method, server.url + path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.json()["requestId"] == answer.headers["x-request-id"]
    assert answer.headers.get("allow", "") == allowed


def test_a_lower_case_method_is_no_method(server: Server) -> None:
    """T058."""
    answer = raw(server, b"get /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.split()[1] == b"400"


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(server: Server, doc1: Person, pat1: Person, override: str) -> None:
    """T058: POST that claims to be a DELETE opens a conversation and deletes none."""
    with client_for(doc1, server) as rest:
        body = {"patientId": str(pat1.id), "providerId": str(doc1.id)}
        answer = rest.post("/api/v1/conversations", json=body, headers={override: "DELETE"})
        assert answer.status_code == 201
        assert rest.get(f"/api/v1/conversations/{answer.json()['id']}").status_code == 200


def test_a_405_names_the_methods_that_are_allowed(server: Server, pat1: Person) -> None:
    with client_for(pat1, server) as rest:
        answer = rest.put("/api/v1/me", json={})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {"GET", "PATCH"} <= set(answer.headers["allow"].split(", "))


def test_a_parameter_does_not_change_the_method(server: Server) -> None:
    """T058."""
    assert httpx.get(server.url + "/health/live?_method=DELETE").status_code == 200


def test_addresses_describe_themselves_in_the_documents_alone(server: Server, pat1: Person) -> None:
    with client_for(pat1, server) as rest:
        assert rest.options("/api/v1/me").status_code == 405
        assert rest.get("/api/v1/me?format=xml").json()["code"] == "unknown_param"
        assert rest.get("/api/v1/me", headers={"Accept": "text/html"}).json()["code"] == "not_acceptable"


def test_a_host_that_is_not_ours_is_refused(server: Server) -> None:
    answer = httpx.get(server.url + "/health/live", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


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


@pytest.mark.parametrize("path", ["/static/chat/page.css", "/static/admin/css/base.css"])
def test_static_files_are_served_with_the_same_headers(server: Server, path: str) -> None:
    answer = httpx.get(server.url + path)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"].startswith("text/css")
    assert httpx.head(server.url + path).headers["content-length"] == answer.headers["content-length"]


def test_there_is_an_icon(server: Server) -> None:
    """Browsers ask for it on every page and complain when it is missing."""
    assert httpx.get(server.url + "/favicon.ico", follow_redirects=True).headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path", ["/static/../config/settings.py", "/static/%2e%2e/.env", "/static/nothing", "/static/"]
)
def test_nothing_else_is_behind_static(server: Server, path: str) -> None:
    answer = raw(server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert answer.split()[1] == b"404"
    assert b"no-store" in answer


@pytest.mark.parametrize(("said", "proxies", "secure"), [("https", 1, True), ("http", 1, False), ("https", 0, False)])
def test_strict_transport_is_asked_for_where_there_is_tls(
    server: Server, settings: Settings, said: str, proxies: int, secure: bool
) -> None:
    """T159. Only a proxy that is ours is believed; over plain HTTP the header has no meaning (RFC 6797, 7.2)."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxies else None
    answer = httpx.get(server.url + "/health/live", headers={"X-Forwarded-Proto": said})
    assert ("max-age=31536000" in answer.headers.get("strict-transport-security", "")) is secure


def test_the_api_sets_no_cookie_and_reads_none(server: Server, pat1: Person) -> None:
    with client_for(pat1, server) as rest:
        assert "set-cookie" not in rest.get("/api/v1/me", headers={"Cookie": "sessionid=x; csrftoken=y"}).headers


def test_the_admins_cookies_are_for_the_admin_alone(server: Server, settings: Settings) -> None:
    """T159."""
    settings.CSRF_COOKIE_SECURE = True
    cookie = httpx.get(server.url + "/admin/login/").headers["set-cookie"]
    assert cookie.startswith("csrftoken=")
    for attribute in ("HttpOnly", "SameSite=Strict", "Secure"):
        assert attribute in cookie


def test_answers_to_two_people_do_not_cross(server: Server, pat1: Person, doc1: Person) -> None:
    """T158, as far as the server can see to it: nothing may be kept, and each gets their own."""
    with client_for(pat1, server) as first, client_for(doc1, server) as second:
        for _ in range(20):
            for rest, person in ((first, pat1), (second, doc1)):
                answer = rest.get("/api/v1/me", headers={"If-None-Match": "*", "If-Modified-Since": "x"})
                assert answer.json()["username"] == person.username
                assert answer.headers["cache-control"] == "no-store"
                assert "etag" not in answer.headers
