"""From the first frame to auth_success, and every way in which that does not come."""

import time
from datetime import timedelta

import pytest
from pytest_django import Settings

from accounts import services
from core.actor import SYSTEM
from core.errors import DatabaseUnavailable
from core.limits import Rate
from core.time import now
from encryption.models import installation
from realtime import wiring
from tests.live import Server
from tests.people import Person, open_clinical, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_the_first_token_is_answered_with_who_and_where(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token) as client:
        assert client.hello == {
            "type": "auth_success",
            "user_id": str(pat1.id),
            "sessionId": str(pat1.signed_in.session_id),
            "epoch": str(installation().epoch),
            "heartbeatMs": 30000,
            "serverTime": client.hello["serverTime"],
        }
        client.nothing_arrives()


def test_who_says_nothing_is_closed_in_time(server: Server, settings: Settings) -> None:
    """T021."""
    settings.AUTH_TIMEOUT = 0.5
    begin = time.monotonic()
    with connect(server) as client:
        assert client.closed_with() == 4408
    assert time.monotonic() - begin >= 0.5


def test_a_ping_of_the_websocket_layer_is_no_token(server: Server, settings: Settings) -> None:
    settings.AUTH_TIMEOUT = 0.5
    with connect(server) as client:
        client.connection.ping()
        assert client.closed_with() == 4408


@pytest.mark.parametrize(
    "frame",
    [
        {"id": "c1", "event": "message:new", "data": {}},
        {"type": "ping"},
        {"type": "resume", "epoch": "x", "cursors": {}},
        {"type": "auth"},
        {"type": "auth", "token": None},
        {"type": "auth", "token": 7},
        {"type": "auth", "token": ""},
        {"type": "auth", "token": "a.b.c"},
    ],
)
def test_anything_but_a_good_token_closes_without_a_word(server: Server, frame: dict[str, object]) -> None:
    """T022."""
    with connect(server) as client:
        client.send(frame)
        assert client.closed_with() == 4401
        client.nothing_arrives(0)


def test_a_second_frame_waits_for_the_answer_to_the_first(server: Server, pat1: Person) -> None:
    """T024."""
    with connect(server) as client:
        client.send({"type": "auth", "token": pat1.token})
        client.send({"id": "c1", "event": "nothing:known"})
        assert client.next_frame()["type"] == "auth_success"
        assert client.next_frame()["error"]["code"] == "unknown_event"


def test_a_large_frame_before_the_token_is_refused(server: Server) -> None:
    """T024."""
    with connect(server) as client:
        client.send("x" * 65_537)
        assert client.closed_with() == 1009


def test_an_expired_token_says_so(server: Server, pat1: Person, settings: Settings) -> None:
    settings.ACCESS_TOKEN_LIFETIME = -60
    with connect(server) as client:
        client.send({"type": "auth", "token": sign_in(pat1).access})
        assert client.closed_with() == 4402


def test_the_token_of_an_ended_session_says_so(server: Server, pat1: Person) -> None:
    token = pat1.token
    services.log_out_everywhere(actor=pat1.actor)
    with connect(server) as client:
        client.send({"type": "auth", "token": token})
        assert client.closed_with() == 4410


def test_the_token_of_a_disabled_account_says_so(server: Server, pat1: Person) -> None:
    token = pat1.token
    services.disable_user(actor=SYSTEM, user=pat1.user)
    with connect(server) as client:
        client.send({"type": "auth", "token": token})
        assert client.closed_with() == 4403


def test_a_session_that_ends_while_the_socket_opens_is_noticed(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The announcement may be too early for the socket, and the token's check too early for the announcement."""
    monkeypatch.setattr(wiring, "ended_sessions", lambda ids: dict.fromkeys(ids, 4410))
    with connect(server) as client:
        client.send({"type": "auth", "token": pat1.token})
        assert client.closed_with() == 4410
        client.nothing_arrives(0)


@pytest.mark.parametrize("name", ["authenticate", "visible_streams", "ended_sessions"])
def test_while_the_database_is_away_clients_are_asked_to_come_back(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def away(*args: object) -> None:
        raise DatabaseUnavailable

    token = pat1.token
    monkeypatch.setattr(wiring, name, away)
    with connect(server) as client:
        client.send({"type": "auth", "token": token})
        assert client.closed_with() == 1013


def test_a_defect_closes_with_1011_and_no_details(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("canary-9914")

    monkeypatch.setattr(wiring, "visible_streams", broken)
    with connect(server) as client:
        client.send({"type": "auth", "token": pat1.token})
        assert client.closed_with() == 1011
    assert "ZeroDivisionError" in caplog.text
    assert "canary-9914" not in caplog.text


def test_a_fresh_token_of_the_same_session_prolongs_the_stay(server: Server, pat1: Person, settings: Settings) -> None:
    """T032."""
    settings.ACCESS_TOKEN_LIFETIME, settings.TOKEN_LEEWAY = 2, 1
    signed_in = sign_in(pat1)
    with connect(server, signed_in.access) as client:
        expiring = client.next_frame_where(lambda frame: frame.get("type") == "auth_expiring")
        assert expiring["expiresAt"].endswith("Z")
        settings.ACCESS_TOKEN_LIFETIME = 300
        again = services.refresh(token=signed_in.refresh)
        client.authenticate(again.access)
        client.nothing_arrives(3.5)


def test_without_a_fresh_token_the_stay_ends_with_the_leeway(server: Server, pat1: Person, settings: Settings) -> None:
    """T032."""
    settings.ACCESS_TOKEN_LIFETIME, settings.TOKEN_LEEWAY = 1, 1
    ends = now() + timedelta(seconds=2)
    with connect(server, sign_in(pat1).access) as client:
        assert client.closed_with() == 4402
    assert now() >= ends - timedelta(seconds=1)


def test_somebody_elses_token_closes(server: Server, pat1: Person, doc1: Person) -> None:
    """T023, T033."""
    with connect(server, pat1.token) as client:
        client.send({"type": "auth", "token": doc1.token})
        assert client.closed_with() == 4401


def test_a_token_of_another_session_of_the_same_person_closes(server: Server, pat1: Person) -> None:
    """T033."""
    with connect(server, pat1.token) as client:
        client.send({"type": "auth", "token": sign_in(pat1).access})
        assert client.closed_with() == 4401


def test_a_bad_token_later_closes(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token) as client:
        client.send({"type": "auth", "token": "x"})
        assert client.closed_with() == 4401


def test_while_the_database_is_away_an_open_socket_keeps_its_token(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise DatabaseUnavailable

    with connect(server, pat1.token) as client:
        monkeypatch.setattr(wiring, "authenticate", away)
        client.send({"type": "auth", "token": pat1.token})
        assert client.next_frame()["error"]["code"] == "database_unavailable"
        assert client.ask_raw("nothing:known", {})["error"]["code"] == "unknown_event"


def test_the_eleventh_connection_closes_the_oldest(server: Server, pat1: Person) -> None:
    """T036."""
    clients = [connect(server, pat1.token) for _ in range(11)]
    assert clients[0].closed_with() == 4409
    for client in clients[1:]:
        assert client.ask_raw("nothing:known", {})["error"]["code"] == "unknown_event"
        client.close()


def test_thirty_new_connections_in_a_minute_are_enough(server: Server, settings: Settings, pat1: Person) -> None:
    rate = settings.LIMITS["CONNECTIONS_NEW"]
    assert rate == Rate(30, 60)
    # None comes back meanwhile, however slow this machine is.
    settings.LIMITS = settings.LIMITS | {"CONNECTIONS_NEW": Rate(rate.count, 3600)}
    for _ in range(30):
        connect(server, pat1.token).close()
    with connect(server) as client:
        client.send({"type": "auth", "token": pat1.token})
        assert client.closed_with() == 4429


def test_a_new_conversation_reaches_the_sockets_that_are_open(server: Server, pat1: Person, doc1: Person) -> None:
    with connect(server, pat1.token) as patient, connect(server, doc1.token) as provider:
        conversation = open_clinical(pat1, doc1)
        for client in (patient, provider):
            assert client.next_event() == {"event": "conversation:added", "data": {"conversationId": conversation}}
        provider.ask("message:new", {"conversationId": conversation, "content": "hello"})
        assert patient.next_event("message:new")["seq"] == 1
