"""Who may open a connection: decided before anything is accepted."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from pytest_django import Settings
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket
from websockets.typing import Origin, Subprotocol

from realtime import handshake
from tests.live import Server
from tests.people import Person
from tests.sockets import Client, connect

pytestmark = pytest.mark.core


@contextmanager
def refused_with(status: int) -> Iterator[None]:
    with pytest.raises(InvalidStatus) as refusal:
        yield
    assert refusal.value.response.status_code == status


EVIL = ["https://evil.example", "null", "https://app.example.evil.com", "https://evilapp.example", "http://app.example"]
EVIL += ["https://app.example:444", "https://app.example/", "https://user@app.example", "https://APP.example.", "", "x"]


@pytest.mark.parametrize("origin", EVIL)
def test_a_page_from_elsewhere_is_refused_before_the_upgrade(server: Server, settings: Settings, origin: str) -> None:
    """T019."""
    settings.ALLOWED_ORIGINS = ["https://app.example"]
    with refused_with(403):
        connect(server, origin=origin)


@pytest.mark.parametrize("origin", ["https://app.example", "https://app.example:443", "https://two.example:8443"])
def test_a_page_from_the_list_may_connect(server: Server, settings: Settings, origin: str, pat1: Person) -> None:
    settings.ALLOWED_ORIGINS = ["https://app.example", "https://two.example:8443"]
    with connect(server, pat1.token, origin=origin) as client:
        assert client.hello["user_id"] == str(pat1.id)


def test_with_a_list_the_servers_own_page_must_be_on_it(server: Server, settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = ["https://app.example"]
    with refused_with(403):
        connect(server, origin=server.url)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_without_a_list_the_servers_own_page_may_connect(server: Server, name: str) -> None:
    url = f"ws://{name}:{server.port}/ws/chat"
    with open_websocket(url, origin=Origin(f"http://{name}:{server.port}"), proxy=None, legacy=True) as connection:
        connection.send('{"type": "auth", "token": "x"}')


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:1", "https://127.0.0.1:{port}", "http://evil.example:{port}", "null"]
)
def test_without_a_list_no_other_page_may(server: Server, origin: str) -> None:
    with refused_with(403):
        connect(server, origin=origin.format(port=server.port))


def test_a_name_that_an_attacker_points_at_the_server_is_not_its_own(server: Server) -> None:
    """DNS rebinding: the browser sends the attacker's name both as Host and as Origin."""
    evil = f"evil.example:{server.port}"
    with refused_with(403):
        connect(server, origin=f"http://{evil}", headers={"Host": evil})


def test_behind_a_proxy_the_own_origin_has_the_scheme_the_proxy_names(
    server: Server, settings: Settings, pat1: Person
) -> None:
    settings.TRUSTED_PROXIES = 1
    own = f"127.0.0.1:{server.port}"
    with connect(server, pat1.token, origin=f"https://{own}", headers={"X-Forwarded-Proto": "https"}):
        pass
    with refused_with(403):
        connect(server, origin=f"http://{own}", headers={"X-Forwarded-Proto": "https"})


def test_programs_without_an_origin_may_be_shut_out(server: Server, settings: Settings) -> None:
    settings.ALLOW_NATIVE_CLIENTS = False
    with refused_with(403):
        connect(server)


def test_a_token_in_the_address_is_neither_used_nor_logged(
    server: Server, settings: Settings, pat1: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """T020."""
    settings.AUTH_TIMEOUT = 0.3
    with (
        caplog.at_level(logging.DEBUG),
        open_websocket(f"{server.ws_url}?token={pat1.token}", proxy=None, legacy=True) as connection,
    ):
        client = Client(connection)
        assert client.closed_with() == 4408
        client.nothing_arrives(0)
    assert pat1.token not in caplog.text


def test_what_frames_say_is_not_logged_even_at_debug(
    server: Server, pat1: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), connect(server, pat1.token) as client:
        client.send({"event": "canary-7731", "data": {}})
        client.next_frame_where(lambda frame: "error" in frame)
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.client")]
    assert not any("canary-7731" in line or pat1.token in line for line in ours)


def test_a_native_client_may_show_its_token_in_the_handshake(server: Server, pat1: Person) -> None:
    with connect(server, headers={"Authorization": f"Bearer {pat1.token}"}) as client:
        hello = client.next_frame()
        assert (hello["type"], hello["user_id"]) == ("auth_success", str(pat1.id))


@pytest.mark.parametrize("value", ["Bearer x", "Bearer ", "bearer a.b.c"])
def test_a_bad_token_in_the_handshake_is_accepted_then_closed(server: Server, value: str) -> None:
    with connect(server, headers={"Authorization": value}) as client:
        assert client.closed_with() == 4401


def test_other_authorization_schemes_are_left_alone(server: Server, pat1: Person) -> None:
    with connect(server, headers={"Authorization": "Basic cGF0MTp4"}) as client:
        client.authenticate(pat1.token)


def test_no_more_than_so_many_wait_at_the_door(server: Server, settings: Settings, pat1: Person) -> None:
    """T025: and somebody who is inside already is not disturbed."""
    settings.UNAUTHENTICATED_PER_ADDRESS = 20
    settings.AUTH_TIMEOUT = 60
    with connect(server, pat1.token) as inside, ExitStack() as waiting:
        for _ in range(20):
            waiting.enter_context(connect(server))
        for _ in range(5):
            with refused_with(403):
                connect(server)
        assert inside.ask_raw("nothing:known", {})["error"]["code"] == "unknown_event"
    server.sees(lambda: len(server.hub.sockets) == 0)
    with connect(server, pat1.token):
        pass


def test_who_has_shown_a_token_waits_no_longer(server: Server, settings: Settings, pat1: Person) -> None:
    settings.UNAUTHENTICATED_TOTAL = 1
    with connect(server, pat1.token), connect(server, pat1.token), connect(server), refused_with(403):
        connect(server)


def test_the_address_behind_a_trusted_proxy_counts(server: Server, settings: Settings) -> None:
    """T128: what the client writes in front of it does not."""
    settings.UNAUTHENTICATED_PER_ADDRESS = 1
    settings.TRUSTED_PROXIES = 1
    settings.AUTH_TIMEOUT = 60
    with connect(server, headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}):
        with refused_with(403):
            connect(server, headers={"X-Forwarded-For": "10.0.0.2, 192.0.2.1"})
        with connect(server, headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.2"}):
            pass


def test_a_rush_of_handshakes_is_sent_away_with_a_time_to_come_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake.doorstep, "overrun", lambda: True)
    with connect(server) as client:
        assert client.next_frame() == {"type": "drain", "reconnectInMs": 1000}
        assert client.closed_with() == 1013


def test_two_hundred_handshakes_in_a_second_are_enough() -> None:
    doorstep = handshake.Doorstep()
    assert not any(doorstep.overrun() for _ in range(200))
    assert any(doorstep.overrun() for _ in range(10))


def upgrade(server: Server, extra: bytes, path: bytes = b"/ws/chat") -> bytes:
    """The first bytes of the answer to a handmade handshake."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(
            b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + extra + b"\r\n"
        )
        return connection.recv(100)


@pytest.mark.parametrize(
    ("extra", "statuses"),
    [
        (b"Sec-WebSocket-Protocol: \xff\xfe\r\n", {b"101", b"400"}),
        (b"Sec-WebSocket-Protocol: " + b", ".join(b"p%d" % n for n in range(1000)) + b"\r\n", {b"101", b"431"}),
        (b"Sec-WebSocket-Protocol: " + b"a" * 65_536 + b"\r\n", {b"431"}),
        (b"X-Same: 1\r\n" * 5000, {b"431"}),
        (b"Sec-WebSocket-Extensions: " + b";" * 500 + b"\r\n", {b"101", b"400"}),
    ],
)
def test_strange_headers_get_an_answer_and_the_server_lives_on(
    server: Server, extra: bytes, statuses: set[bytes]
) -> None:
    """T030; the answer must come, or half-open connections would gather."""
    answer = upgrade(server, extra)
    assert answer.split(b" ")[1] in statuses
    assert httpx.get(f"{server.url}/health/live", trust_env=False).status_code == 200


def test_a_path_that_is_not_ascii_is_refused(server: Server) -> None:
    assert upgrade(server, b"", b"/ws/ch\xffat").split(b" ")[1] == b"400"


def test_there_is_no_other_websocket(server: Server) -> None:
    assert upgrade(server, b"", b"/ws/other").split(b" ")[1] == b"403"


def test_compression_is_not_negotiated(server: Server) -> None:
    """T037: what would inflate to gigabytes is never inflated."""
    with open_websocket(server.ws_url, compression="deflate", proxy=None, legacy=True) as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


def test_a_frame_that_claims_to_be_compressed_is_refused(server: Server) -> None:
    with connect(server) as client:
        # RSV1 set, though no extension gives it a meaning.
        client.connection.socket.sendall(bytes([0xC1, 0x80]) + b"\x00\x00\x00\x00")
        assert client.closed_with() == 1002


def test_subprotocols_are_ignored(server: Server) -> None:
    with open_websocket(server.ws_url, subprotocols=[Subprotocol("x")], proxy=None, legacy=True) as connection:
        assert connection.subprotocol is None
        connection.send(json.dumps({"type": "auth"}))


def test_a_handshake_names_its_host_once(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(
            b"GET /ws/chat HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert connection.recv(4096).split()[1] == b"403"
