"""Changing one's password: POST /auth/password."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts import passwords
from accounts.models import User
from core.actor import SYSTEM_ID
from core.limits import Rate
from tests.accounts.conftest import Rest, assert_problem, field_errors, recorded
from tests.live import Server
from tests.people import PASSWORD, Person, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core

NEW = "a train of thought at 7 in the morning"


def change(client: httpx.Client, current: object = PASSWORD, new: object = NEW) -> httpx.Response:
    return client.post("/auth/password", json={"currentPassword": current, "newPassword": new})


def can_sign_in(client: httpx.Client, username: str, password: str) -> bool:
    return client.post("/auth/token", json={"username": username, "password": password}).status_code == 200


def test_from_then_on_only_the_new_password_signs_in(rest: Rest, doc1: Person) -> None:
    assert change(rest(doc1)).status_code == 204
    assert can_sign_in(rest(), "doc1", NEW)
    assert not can_sign_in(rest(), "doc1", PASSWORD)


def test_every_other_session_ends_at_once(rest: Rest, server: Server, doc1: Person) -> None:
    """T012"""
    other = sign_in(doc1)
    with connect(server, doc1.token) as here, connect(server, other.access) as there:
        assert change(rest(doc1)).status_code == 204
        assert there.closed_with(timeout=1) == 4410
        here.nothing_arrives()
    assert_problem(rest(other.access).get("/me"), 401, "token_revoked")
    refreshed = rest().post("/auth/token/refresh", json={"refresh": other.refresh})
    assert_problem(refreshed, 401, "token_revoked")
    assert rest(doc1).get("/me").status_code == 200
    assert rest().post("/auth/token/refresh", json={"refresh": doc1.signed_in.refresh}).status_code == 200


def test_the_change_and_the_ends_are_recorded(rest: Rest, doc1: Person) -> None:
    other = sign_in(doc1)
    change(rest(doc1))
    [changed], [ended] = recorded("password.changed"), recorded("session.ended")
    assert (changed.actor, changed.object, changed.outcome) == (doc1.id, doc1.id, "allow")
    assert (ended.object, ended.reason) == (other.session_id, "password")


def test_a_wrong_current_password_changes_nothing_and_is_recorded(rest: Rest, doc1: Person) -> None:
    answer = change(rest(doc1), current="wrong")
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {"currentPassword": "wrong"}
    assert can_sign_in(rest(), "doc1", PASSWORD)
    [entry] = recorded("password.changed")
    assert (entry.outcome, entry.reason) == ("deny", "wrong_password")


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ("short", "password_too_short"),
        ("password1234", "password_too_common"),
        ("273849506172839", "password_entirely_numeric"),
        ("doc1 iris berg", "password_is_name"),
        ("gerb siri .rd", "password_too_similar"),
        ("x" * 1025, "max_length"),
        ("", "blank"),
        (None, "null"),
    ],
)
def test_a_bad_new_password_is_refused_with_its_reason(rest: Rest, doc1: Person, new: object, code: str) -> None:
    answer = change(rest(doc1), new=new)
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {"newPassword": code}


def test_an_unchanged_password_may_be_given_again(rest: Rest, doc1: Person) -> None:
    assert change(rest(doc1), new=PASSWORD).status_code == 204
    assert can_sign_in(rest(), "doc1", PASSWORD)


def test_guessing_the_current_password_is_limited(rest: Rest, doc1: Person, pat1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"PASSWORD_FAILURES": Rate(2, 900)}
    assert [change(rest(doc1), current="wrong").status_code for _ in range(3)] == [400, 400, 429]
    refused = change(rest(doc1))
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert change(rest(pat1)).status_code == 204


def test_of_two_changes_at_once_one_wins_and_the_other_session_ends(rest: Rest, doc1: Person) -> None:
    clients = [rest(doc1), rest(sign_in(doc1).access)]
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(lambda i: change(clients[i], new=f"{NEW} {i}").status_code, range(2)))
    assert statuses in ([204, 400], [204, 401])
    assert [can_sign_in(rest(), "doc1", f"{NEW} {i}") for i in range(2)].count(True) == 1


def test_only_who_is_signed_in_changes_a_password(rest: Rest, database: None) -> None:
    assert_problem(change(rest()), 401, "unauthenticated")


def test_a_password_set_by_the_operator_ends_every_session(
    rest: Rest, server: Server, doc1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = rest(doc1)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW)
    with connect(server, doc1.token) as socket:
        call_command("changepassword", "doc1", verbosity=0)
        assert socket.closed_with(timeout=1) == 4410
    assert_problem(client.get("/me"), 401, "token_revoked")
    assert can_sign_in(rest(), "doc1", NEW)
    [entry] = recorded("password.changed")
    assert (entry.actor, entry.object) == (SYSTEM_ID, doc1.id)


def test_no_more_than_two_hashes_are_computed_at_once(database: None, settings: Settings) -> None:
    """Each of the two waits for the other, so there are two; a third would be seen beside them."""
    running, most, settings.DATABASE_THREADS = [0], [0], 12
    together, counting = threading.Barrier(passwords.AT_ONCE, timeout=10), threading.Lock()

    def hash_something(n: int) -> None:
        with passwords.hashing():
            with counting:
                running[0] += 1
                most[0] = max(most[0], running[0])
            together.wait()
            passwords.encode(str(n))
            with counting:
                running[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(hash_something, range(6)))
    assert most[0] == passwords.AT_ONCE


def test_hashes_never_take_more_than_half_of_the_threads(
    rest: Rest, doc1: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_waiting", settings.DATABASE_THREADS // 2)
    refused = rest().post("/auth/token", json={"username": "doc1", "password": PASSWORD})
    assert_problem(refused, 429, "rate_limited")
    assert refused.headers["retry-after"] == "1"
    assert not User.objects.get(pk=doc1.id).login_sessions.exists()
