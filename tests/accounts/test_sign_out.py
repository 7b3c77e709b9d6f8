"""Signing out: POST /auth/logout, /auth/logout-all."""

import pytest

from accounts.models import Ended, LoginSession
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.live import Server
from tests.people import Person, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_signing_out_ends_tokens_and_sockets_at_once(rest: Rest, server: Server, doc1: Person) -> None:
    """T013"""
    client = rest(doc1)
    with connect(server, doc1.token) as socket:
        assert client.post("/auth/logout").status_code == 204
        assert socket.closed_with(timeout=1) == 4410
    assert_problem(client.get("/conversations"), 401, "token_revoked")
    assert_problem(client.get("/me"), 401, "token_revoked")
    with connect(server) as socket:
        socket.send({"type": "auth", "token": doc1.token})
        assert socket.closed_with() == 4410


def test_other_devices_stay_signed_in(rest: Rest, server: Server, doc1: Person) -> None:
    other = sign_in(doc1)
    with connect(server, other.access) as socket:
        rest(doc1).post("/auth/logout")
        socket.nothing_arrives()
    assert rest(other.access).get("/me").status_code == 200


def test_signing_out_is_recorded(rest: Rest, doc1: Person) -> None:
    rest(doc1).post("/auth/logout")
    [entry] = recorded("session.ended")
    assert (entry.actor, entry.object, entry.reason) == (doc1.id, doc1.signed_in.session_id, "logout")
    session = LoginSession.objects.get()
    assert session.reason == Ended.LOGOUT
    assert session.revoked_at is not None


def test_signing_out_twice_says_that_the_session_has_ended(rest: Rest, doc1: Person) -> None:
    client = rest(doc1)
    client.post("/auth/logout")
    assert_problem(client.post("/auth/logout"), 401, "token_revoked")
    assert len(recorded("session.ended")) == 1


def test_signing_out_everywhere_ends_every_session(rest: Rest, server: Server, doc1: Person, pat1: Person) -> None:
    other, stranger = sign_in(doc1), rest(pat1)
    with connect(server, doc1.token) as here, connect(server, other.access) as there:
        assert rest(doc1).post("/auth/logout-all").status_code == 204
        assert here.closed_with(timeout=1) == there.closed_with(timeout=1) == 4410
    for token in (doc1.token, other.access):
        assert_problem(rest(token).get("/me"), 401, "token_revoked")
    assert stranger.get("/me").status_code == 200
    assert {entry.object for entry in recorded("session.ended")} == {doc1.signed_in.session_id, other.session_id}


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout-all"])
def test_only_who_is_signed_in_signs_out(rest: Rest, database: None, path: str) -> None:
    assert_problem(rest().post(path), 401, "unauthenticated")
    assert_problem(rest("nonsense").post(path), 401, "token_invalid")


@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout-all"])
def test_signing_out_takes_no_parameters(rest: Rest, doc1: Person, path: str) -> None:
    assert_problem(rest(doc1).post(path, params={"all": "1"}), 400, "unknown_param")
    assert not recorded("session.ended")
