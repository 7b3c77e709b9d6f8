"""Through nginx with the configuration that is shipped: everything works, and the proxy opens no door."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket
from websockets.typing import Origin

from tests.deploy.certificate import made_out_to_localhost
from tests.deploy.conftest import FAILURES, address_of, folder_for_nginx
from tests.deploy.proxy import Proxy, proxy
from tests.deploy.supervised import becomes_true
from tests.people import Person, bearer, client_for, open_clinical
from tests.processes import Served, free_port, served
from tests.sockets import connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

MIB = 1 << 20
JSON = {"Content-Type": "application/json"}


def test_people_talk_through_it_whichever_server_they_get(
    front: Proxy, servers: list[Served], pat1: Person, doc1: Person
) -> None:
    conversation = open_clinical(pat1, doc1)
    with ExitStack() as open_ones:
        clients = [open_ones.enter_context(connect(front, pat1.token)) for _ in range(4)]
        rest = open_ones.enter_context(client_for(doc1, front))
        assert all(sockets_at(server) == 2 for server in servers)
        for text in ("K<3.5 and Na>145", "K<3.6"):
            sent = rest.post(f"/api/v1/conversations/{conversation}/messages", json={"content": text})
            assert sent.status_code == 201, sent.text
            for client in clients:
                assert client.next_event("message:new", timeout=15)["data"]["content"] == text
        clients[0].ask("message:new", {"conversationId": conversation, "content": "thank you"})
        for client in clients[1:]:
            assert client.next_event("message:new", timeout=15)["data"]["content"] == "thank you"


def sockets_at(server: Served) -> int:
    return int(httpx.get(f"{server.url}/health", trust_env=False).json()["connections"]["active"])


def sign_in_fails(front: Proxy, username: str, *, source: str, forwarded: str) -> int:
    transport = httpx.HTTPTransport(local_address=source)
    headers = {"X-Forwarded-For": forwarded, "X-Real-IP": forwarded, "Forwarded": f"for={forwarded}"}
    with httpx.Client(base_url=front.url, transport=transport, headers=headers, timeout=30) as client:
        return client.post("/api/v1/auth/token", json={"username": username, "password": "wrong"}).status_code


def test_the_address_that_counts_is_the_one_the_proxy_saw(front: Proxy, database: None) -> None:
    """T004: a header of the client's own neither frees it nor blames anybody else."""
    for n in range(FAILURES):
        assert sign_in_fails(front, f"nobody{n}", source="127.0.0.1", forwarded=f"198.51.100.{n}") == 401
    assert sign_in_fails(front, "nobody9", source="127.0.0.1", forwarded="198.51.100.9") == 429
    assert sign_in_fails(front, "nobody8", source="127.0.0.2", forwarded="127.0.0.1") == 401


def test_a_page_of_the_site_itself_may_open_sockets_and_another_may_not(front: Proxy, pat1: Person) -> None:
    """T021: the host, with its port, reaches the server as the browser named it."""
    with connect(front, pat1.token, origin=front.url) as client:
        assert client.hello["type"] == "auth_success"
    with pytest.raises(InvalidStatus) as refused:
        connect(front, pat1.token, origin="https://evil.example")
    assert refused.value.response.status_code == 403


def test_a_body_may_be_as_large_as_the_server_allows(front: Proxy, pat1: Person) -> None:
    with client_for(pat1, front) as client:
        filled = client.post("/api/v1/conversations", content=b" " * MIB, headers=JSON)
        assert filled.headers["content-type"] == "application/problem+json"  # the server has read it and answers
        assert filled.status_code == 400
        assert client.post("/api/v1/conversations", content=b" " * (MIB + 1), headers=JSON).status_code == 413


def test_the_log_holds_neither_path_nor_query(front: Proxy, pat1: Person) -> None:
    with client_for(pat1, front) as client:
        client.get("/api/v1/users", params={"search": "a-word-of-a-query"})
    becomes_true(lambda: " GET 200 " in front.log)
    assert "a-word-of-a-query" not in front.log
    assert "/api/" not in front.log
    assert pat1.token not in front.log


def test_with_tls_everything_else_is_sent_there(
    servers: list[Served], pat1: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """T019: HSTS, sockets over TLS, and plain requests are told the way without being answered."""
    folder, port = folder_for_nginx(tmp_path_factory), free_port()
    certificate, key = made_out_to_localhost(folder)
    edits = {
        "listen 8443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/nginx/tls/fullchain.pem": str(certificate),
        "/etc/nginx/tls/privkey.pem": str(key),
    }
    trusting = ssl.create_default_context(cafile=certificate)
    with proxy([address_of(server) for server in servers], folder, edits) as front:
        url = f"https://localhost:{port}"
        answer = httpx.get(f"{url}/api/v1/me", headers=bearer(pat1), verify=trusting, timeout=30, trust_env=False)
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        plain = httpx.get(f"{front.url}/api/v1/me", headers=bearer(pat1), timeout=30, trust_env=False)
        assert plain.status_code == 308
        assert plain.headers["location"] == "https://127.0.0.1/api/v1/me"
        with open_websocket(f"wss://localhost:{port}/ws/chat", ssl=trusting, origin=Origin(url), proxy=None) as opened:
            opened.send(json.dumps({"type": "auth", "token": pat1.token}))
            assert json.loads(opened.recv(10))["type"] == "auth_success"


# ---- A server that is away -------------------------------------------------------------------------------------------


def test_while_one_server_is_restarted_nobody_is_refused(
    servers: list[Served], pat1: Person, doc1: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """T139 for a rolling restart of processes that were started one by one: every send is acknowledged."""
    conversation, acknowledged, over = open_clinical(pat1, doc1), [], threading.Event()
    leaving = served(TRUSTED_PROXIES="1", LIMIT_MESSAGE_NEW="100000/60", DRAIN_SPREAD="0")
    staying = served(TRUSTED_PROXIES="1", LIMIT_MESSAGE_NEW="100000/60")

    def send(front: Proxy) -> None:
        while not over.wait(0.01):
            with client_for(doc1, front) as client:
                path = f"/api/v1/conversations/{conversation}/messages"
                acknowledged.append(client.post(path, json={"content": "hello"}).status_code)

    with leaving as one, staying as other:
        names = [address_of(one), address_of(other)]
        with proxy(names, folder_for_nginx(tmp_path_factory)) as front:
            sender = threading.Thread(target=send, args=[front])
            sender.start()
            try:
                becomes_true(lambda: len(acknowledged) > 20)
                one.process.terminate()
                assert one.process.wait(30) == 0
                gone_at = len(acknowledged)
                becomes_true(lambda: len(acknowledged) > gone_at + 20)
            finally:
                over.set()
                sender.join(60)
    assert set(acknowledged) == {201}


class Breaking:
    """A server that reads a request and ends the connection without a word. It counts what it was sent."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            with connection:
                self.requests.append(connection.recv(65536).split(b" ")[0])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def two_breaking() -> Iterator[list[Breaking]]:
    both = [Breaking(), Breaking()]
    try:
        yield both
    finally:
        for one in both:
            one.close()


@pytest.mark.no_database
@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1), ("PATCH", 1)])
def test_only_what_may_be_repeated_is_sent_to_the_other_server(
    method: str, times: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A message that the first server may have stored is not sent a second time by the proxy."""
    with two_breaking() as both, proxy([one.address for one in both], folder_for_nginx(tmp_path_factory)) as front:
        for one in both:
            one.requests.clear()
        answer = httpx.request(method, f"{front.url}/api/v1/me?q=hidden", timeout=30, trust_env=False)
        assert answer.status_code == 502
        assert [name.decode() for one in both for name in one.requests] == [method] * times
        assert "hidden" not in front.log
