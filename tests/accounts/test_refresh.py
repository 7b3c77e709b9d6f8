"""Refresh tokens: POST /auth/token/refresh (T007 to T010)."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.db.models import F
from pytest_django import Settings

from accounts import services, tokens
from accounts.models import Ended, LoginSession, RefreshToken
from core.actor import SYSTEM
from core.limits import Rate
from core.time import now
from tests.accounts.conftest import Rest, assert_problem, field_errors, recorded
from tests.live import Server
from tests.people import Person, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


def refresh(client: httpx.Client, token: object) -> httpx.Response:
    return client.post("/auth/token/refresh", json={"refresh": token})


def stored(token: str) -> RefreshToken:
    return RefreshToken.objects.get(hash=tokens.read_refresh(token).hash)


def grace_is_over() -> None:
    """As if more than five seconds had passed since the last use of every token."""
    RefreshToken.objects.update(used_at=F("used_at") - timedelta(seconds=6))


def test_a_refresh_token_gives_new_tokens_of_the_same_session(rest: Rest, doc1: Person) -> None:
    answer = refresh(rest(), doc1.signed_in.refresh)
    assert answer.status_code == 200
    assert answer.json().keys() == {"access", "refresh", "expiresIn"}
    assert answer.json()["refresh"] != doc1.signed_in.refresh
    assert rest(answer.json()["access"]).get("/me").json()["id"] == str(doc1.id)
    assert LoginSession.objects.count() == 1


def test_tokens_can_be_refreshed_again_and_again(rest: Rest, doc1: Person) -> None:
    token, seen = doc1.signed_in.refresh, set[str]()
    for _ in range(5):
        seen.add(token)
        token = refresh(rest(), token).json()["refresh"]
    assert len(seen | {token}) == 6


def test_refreshing_is_recorded(rest: Rest, doc1: Person) -> None:
    refresh(rest(), doc1.signed_in.refresh)
    [entry] = recorded("session.refreshed")
    assert (entry.actor, entry.object, entry.session) == (doc1.id, *2 * [doc1.signed_in.session_id])


# ---- T007: one kind of token is not the other --------------------------------------------------------------------


def test_a_refresh_token_opens_no_door(rest: Rest, server: Server, doc1: Person) -> None:
    assert_problem(rest(doc1.signed_in.refresh).get("/me"), 401, "token_invalid")
    with connect(server) as socket:
        socket.send({"type": "auth", "token": doc1.signed_in.refresh})
        assert socket.closed_with() == 4401


def test_an_access_token_refreshes_nothing(rest: Rest, doc1: Person) -> None:
    assert_problem(refresh(rest(), doc1.token), 401, "token_invalid")


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 42 + "=", "ä" * 43, "+" * 43, "A" * 44, "A" * 2000, " "])
def test_what_never_was_a_token_is_invalid(rest: Rest, database: None, token: str) -> None:
    assert_problem(refresh(rest(), token), 401, "token_invalid")


@pytest.mark.parametrize("token", [7, ["x"], {"a": "b"}, "A" * 3000])
def test_what_is_no_text_of_that_size_is_a_bad_request(rest: Rest, database: None, token: object) -> None:
    assert_problem(refresh(rest(), token), 400, "invalid")


def test_without_a_token_the_field_is_missing(rest: Rest, database: None) -> None:
    for body in ({}, {"refresh": None}):
        answer = rest().post("/auth/token/refresh", json=body)
        assert answer.status_code == 400
        assert field_errors(answer).keys() == {"refresh"}
    assert_problem(rest().post("/auth/token/refresh", json={"refresh": "x", "otp": "1"}), 400, "unknown_field")


# ---- T008: reuse -------------------------------------------------------------------------------------------------


def test_a_token_that_was_used_before_ends_its_session_for_everybody(rest: Rest, server: Server, doc1: Person) -> None:
    first = doc1.signed_in.refresh
    second = refresh(rest(), first).json()
    other_device = sign_in(doc1)
    with connect(server, second["access"]) as socket:
        grace_is_over()
        assert_problem(refresh(rest(), first), 401, "refresh_reused")
        assert socket.closed_with(timeout=1) == 4410
    assert_problem(refresh(rest(), second["refresh"]), 401, "token_revoked")
    assert_problem(refresh(rest(), first), 401, "token_revoked")
    assert_problem(rest(second["access"]).get("/me"), 401, "token_revoked")
    assert rest(other_device.access).get("/me").status_code == 200
    [entry] = recorded("session.reused")
    assert (entry.actor, entry.object, entry.outcome) == (doc1.id, doc1.signed_in.session_id, "deny")
    assert LoginSession.objects.get(id=doc1.signed_in.session_id).reason == Ended.REUSED


def test_a_repeat_within_the_grace_gets_the_same_token_again(rest: Rest, doc1: Person) -> None:
    first = doc1.signed_in.refresh
    answers = [refresh(rest(), first).json() for _ in range(3)]
    assert len({answer["refresh"] for answer in answers}) == 1
    assert all(rest(answer["access"]).get("/me").status_code == 200 for answer in answers)
    assert RefreshToken.objects.count() == 2
    assert len(recorded("session.refreshed")) == 1


def test_after_a_repeat_the_session_goes_on(rest: Rest, doc1: Person) -> None:
    refresh(rest(), doc1.signed_in.refresh)
    second = refresh(rest(), doc1.signed_in.refresh).json()["refresh"]
    assert refresh(rest(), second).status_code == 200


def test_a_repeat_gets_the_same_token_even_when_the_keys_change_in_between(
    rest: Rest, doc1: Person, settings: Settings
) -> None:
    given = refresh(rest(), doc1.signed_in.refresh).json()["refresh"]
    settings.JWT_KEYS = f"j9:{'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU='},{settings.JWT_KEYS}"
    assert refresh(rest(), doc1.signed_in.refresh).json()["refresh"] == given
    assert refresh(rest(), given).status_code == 200


# ---- T009: races -------------------------------------------------------------------------------------------------


def test_of_fifty_at_once_exactly_one_new_token_comes(rest: Rest, doc1: Person) -> None:
    clients = [rest() for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda client: refresh(client, doc1.signed_in.refresh), clients))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {200, 503}
    assert statuses[200] >= 1
    assert len({answer.json()["refresh"] for answer in answers if answer.status_code == 200}) == 1
    assert RefreshToken.objects.count() == 2
    assert len(recorded("session.refreshed")) == 1


def test_of_many_late_repeats_at_once_the_session_ends_once(rest: Rest, doc1: Person) -> None:
    refresh(rest(), doc1.signed_in.refresh)
    grace_is_over()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda client: refresh(client, doc1.signed_in.refresh), [rest() for _ in range(10)]))
    assert {answer.status_code for answer in answers} == {401}
    assert len(recorded("session.ended")) == 1


# ---- T010 and other ends -----------------------------------------------------------------------------------------


def test_a_disabled_account_refreshes_nothing(rest: Rest, doc1: Person) -> None:
    token = doc1.signed_in.refresh
    services.disable_user(actor=SYSTEM, user=doc1.user)
    assert_problem(refresh(rest(), token), 401, "token_revoked")
    services.enable_user(actor=SYSTEM, user=doc1.user)
    assert_problem(refresh(rest(), token), 401, "token_revoked")
    assert stored(token).used_at is None


def test_a_session_that_was_signed_out_refreshes_nothing(rest: Rest, doc1: Person) -> None:
    rest(doc1).post("/auth/logout")
    assert_problem(refresh(rest(), doc1.signed_in.refresh), 401, "token_revoked")


def test_a_token_left_idle_for_too_long_is_expired(rest: Rest, doc1: Person) -> None:
    token = doc1.signed_in.refresh
    assert stored(token).expires_at - stored(token).created_at == timedelta(hours=12)
    RefreshToken.objects.update(expires_at=now())
    assert_problem(refresh(rest(), token), 401, "token_expired")
    assert_problem(refresh(rest(), token), 401, "token_expired")
    assert not recorded("session.reused")


def test_a_session_ends_after_seven_days_however_busy(rest: Rest, doc1: Person) -> None:
    token = doc1.signed_in.refresh
    session = LoginSession.objects.get()
    assert session.expires_at - session.created_at == timedelta(days=7)
    LoginSession.objects.update(expires_at=now() + timedelta(hours=1))
    token = refresh(rest(), token).json()["refresh"]
    assert stored(token).expires_at <= LoginSession.objects.get().expires_at
    LoginSession.objects.update(expires_at=now())
    assert_problem(refresh(rest(), token), 401, "token_expired")


# ---- Limits ------------------------------------------------------------------------------------------------------


def test_guessing_tokens_is_limited(rest: Rest, doc1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REFRESH_FAILURES": Rate(3, 900)}
    assert [refresh(rest(), "A" * 43).status_code for _ in range(4)] == [401, 401, 401, 429]
    refused = refresh(rest(), doc1.signed_in.refresh)
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1


def test_expired_and_revoked_tokens_are_no_guesses(rest: Rest, doc1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REFRESH_FAILURES": Rate(1, 900)}
    token = doc1.signed_in.refresh
    rest(doc1).post("/auth/logout")
    assert {refresh(rest(), token).status_code for _ in range(3)} == {401}


def test_refreshing_counts_like_any_other_request(rest: Rest, doc1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REQUEST": Rate(2, 60)}
    token = doc1.signed_in.refresh
    for _ in range(2):
        token = refresh(rest(), token).json()["refresh"]
    assert_problem(refresh(rest(), token), 429, "rate_limited")
    assert stored(token).used_at is None
