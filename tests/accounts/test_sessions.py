"""My devices: GET /auth/sessions, DELETE /auth/sessions/{id}."""

from uuid import uuid4

import httpx
import pytest

from accounts.models import LoginSession
from core.time import now
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.live import Server
from tests.people import Person, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


def ids(answer: httpx.Response) -> list[str]:
    return [session["id"] for session in answer.json()["results"]]


def test_my_devices_are_listed_the_newest_first(rest: Rest, doc1: Person, pat1: Person) -> None:
    sign_in(pat1)
    first, second = doc1.signed_in, sign_in(doc1, user_agent="Ward tablet 7")
    answer = rest(doc1).get("/auth/sessions")
    assert ids(answer) == [str(second.session_id), str(first.session_id)]
    assert answer.json()["nextCursor"] is None
    tablet, here = answer.json()["results"]
    assert tablet.keys() == {"id", "createdAt", "lastSeenAt", "expiresAt", "userAgent", "current"}
    assert tablet["userAgent"] == "Ward tablet 7"
    assert (tablet["current"], here["current"]) == (False, True)
    assert tablet["createdAt"].endswith("Z")


def test_ended_and_expired_sessions_are_not_listed(rest: Rest, doc1: Person) -> None:
    ended, expired = sign_in(doc1), sign_in(doc1)
    rest(ended.access).post("/auth/logout")
    LoginSession.objects.filter(id=expired.session_id).update(expires_at=now())
    assert ids(rest(doc1).get("/auth/sessions")) == [str(doc1.signed_in.session_id)]


def test_the_list_comes_in_pages(rest: Rest, doc1: Person) -> None:
    expected = [str(s.session_id) for s in (doc1.signed_in, *(sign_in(doc1) for _ in range(4)))][::-1]
    client, seen, cursor = rest(doc1), [], None
    while True:
        answer = client.get("/auth/sessions", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        if (cursor := answer.json()["nextCursor"]) is None:
            break
    assert seen == expected


def test_a_cursor_works_only_for_whom_it_was_made(rest: Rest, doc1: Person, pat1: Person) -> None:
    sign_in(doc1)
    cursor = rest(doc1).get("/auth/sessions", params={"limit": 1}).json()["nextCursor"]
    assert_problem(rest(pat1).get("/auth/sessions", params={"cursor": cursor}), 400, "invalid_cursor")
    assert_problem(rest(doc1).get("/users", params={"cursor": cursor}), 400, "invalid_cursor")
    assert_problem(rest(doc1).get("/auth/sessions", params={"cursor": "x"}), 400, "invalid_cursor")


def test_parameters_that_do_not_exist_are_refused(rest: Rest, doc1: Person) -> None:
    assert_problem(rest(doc1).get("/auth/sessions", params={"all": "1"}), 400, "unknown_param")
    assert_problem(rest(doc1).get("/auth/sessions", params={"limit": "0"}), 400, "invalid")


def test_another_device_is_signed_out_at_once(rest: Rest, server: Server, doc1: Person) -> None:
    other = sign_in(doc1)
    with connect(server, other.access) as socket:
        assert rest(doc1).delete(f"/auth/sessions/{other.session_id}").status_code == 204
        assert socket.closed_with(timeout=1) == 4410
    assert_problem(rest(other.access).get("/me"), 401, "token_revoked")
    assert rest(doc1).get("/me").status_code == 200
    [entry] = recorded("session.ended")
    assert (entry.actor, entry.object, entry.reason) == (doc1.id, other.session_id, "revoked")


def test_a_repeat_is_fine_and_does_nothing(rest: Rest, doc1: Person) -> None:
    other = sign_in(doc1)
    for _ in range(2):
        assert rest(doc1).delete(f"/auth/sessions/{other.session_id}").status_code == 204
    assert len(recorded("session.ended")) == 1


def test_my_own_device_can_be_signed_out_too(rest: Rest, doc1: Person) -> None:
    client = rest(doc1)
    assert client.delete(f"/auth/sessions/{doc1.signed_in.session_id}").status_code == 204
    assert_problem(client.get("/me"), 401, "token_revoked")


def test_a_stranger_s_session_answers_like_one_that_does_not_exist(rest: Rest, doc1: Person, pat1: Person) -> None:
    client, theirs, nobody_s = rest(doc1), pat1.signed_in.session_id, uuid4()
    answers = [client.delete(f"/auth/sessions/{session_id}") for session_id in (theirs, nobody_s)]
    for answer in answers:
        assert_problem(answer, 404, "not_found")
    assert len({(*{**answer.json(), "requestId": ""}.items(),) for answer in answers}) == 1
    assert rest(pat1).get("/me").status_code == 200
    denied = recorded("access.denied")
    assert [entry.object for entry in denied] == [theirs, nobody_s]
    assert {entry.actor for entry in denied} == {doc1.id}


def test_only_who_is_signed_in_sees_devices(rest: Rest, database: None) -> None:
    assert_problem(rest().get("/auth/sessions"), 401, "unauthenticated")
    assert_problem(rest().delete(f"/auth/sessions/{uuid4()}"), 401, "unauthenticated")
