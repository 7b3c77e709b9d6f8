"""A session that ends takes its sockets with it: at once, and without the announcement within a sweep."""

import pytest
from pytest_django import Settings

from accounts import services
from core.actor import SYSTEM
from realtime.hub import Hub
from tests.live import Server
from tests.messaging.talking import say
from tests.people import PASSWORD, Person, client_for, open_clinical, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_logging_out_closes_the_sockets_of_that_session_only(server: Server, pat1: Person) -> None:
    other = sign_in(pat1)
    with (
        client_for(pat1, server) as rest,
        connect(server, pat1.token) as first,
        connect(server, pat1.token) as second,
        connect(server, other.access) as elsewhere,
    ):
        assert rest.post("/api/v1/auth/logout").status_code == 204
        for client in (first, second):
            told = client.next_event("session:revoked")
            assert told["data"] == {"sessionId": str(pat1.signed_in.session_id)}
            assert client.closed_with(1) == 4410
        elsewhere.nothing_arrives()


def test_logging_out_everywhere_closes_all_sockets(server: Server, pat1: Person) -> None:
    """T034, in one process."""
    sessions = [sign_in(pat1) for _ in range(5)]
    clients = [connect(server, session.access) for session in sessions]
    with client_for(pat1, server) as rest:
        assert rest.post("/api/v1/auth/logout-all").status_code == 204
    for client in clients:
        assert client.closed_with(1) == 4410


def test_changing_the_password_closes_the_other_sessions(server: Server, pat1: Person) -> None:
    """T012."""
    with (
        client_for(pat1, server) as rest,
        connect(server, pat1.token) as here,
        connect(server, sign_in(pat1).access) as there,
    ):
        changed = {"currentPassword": PASSWORD, "newPassword": "another long passphrase 7"}
        assert rest.post("/api/v1/auth/password", json=changed).status_code in {200, 204}
        assert there.closed_with(1) == 4410
        here.nothing_arrives()


def test_disabling_an_account_closes_its_sockets_and_nothing_is_delivered_after(
    server: Server, pat1: Person, doc1: Person
) -> None:
    """T035."""
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as client, connect(server, doc1.token) as other:
        services.disable_user(actor=SYSTEM, user=pat1.user)
        say(doc1, conversation, "after")
        assert client.closed_with(1) == 4403
        assert not [frame for frame in client.kept() if frame.get("event") == "message:new"]
        assert other.next_event("message:new")["data"]["content"] == "after"


def test_the_sweep_finds_what_nobody_announced(
    server: Server, pat1: Person, doc1: Person, out1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        connect(server, pat1.token) as revoked,
        connect(server, doc1.token) as disabled,
        connect(server, out1.token) as untouched,
    ):
        with monkeypatch.context() as deaf:
            deaf.setattr(Hub, "close_session", lambda *args: None)
            deaf.setattr(Hub, "close_user", lambda *args: None)
            services.log_out_everywhere(actor=pat1.actor)
            services.disable_user(actor=SYSTEM, user=doc1.user)
            revoked.nothing_arrives(0.2)
        server.sweep()
        assert revoked.closed_with(1) == 4410
        assert disabled.closed_with(1) == 4403
        untouched.nothing_arrives()


def test_the_sweep_comes_by_itself(
    server: Server, pat1: Person, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.SWEEP_INTERVAL = 0.2
    server.begin_anew()
    with connect(server, pat1.token) as client:
        with monkeypatch.context() as deaf:
            deaf.setattr(Hub, "close_session", lambda *args: None)
            services.log_out_everywhere(actor=pat1.actor)
        assert client.closed_with() == 4410
