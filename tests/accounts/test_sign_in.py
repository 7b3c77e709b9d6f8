"""Signing in: POST /auth/token."""

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor

import argon2
import httpx
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.core.management import call_command
from pytest_django import Settings

from accounts import limiting, passwords, services
from accounts.models import LoginSession, RefreshToken, User
from core.actor import SYSTEM, SYSTEM_ID
from tests.accounts.conftest import Rest, assert_problem, field_errors, recorded
from tests.people import PASSWORD, Person, make_user

pytestmark = pytest.mark.core

WRONG = "correct horse battery stable"


def sign_in(client: httpx.Client, username: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    return client.post("/auth/token", json={"username": username, "password": password, **more})


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each argon2 hash that is computed meanwhile."""
    computed: list[str] = []
    encode, verify = argon2.low_level.hash_secret, argon2.PasswordHasher.verify

    def counted_encode(*args: object, **kwargs: object) -> object:
        computed.append("encode")
        return encode(*args, **kwargs)  # type: ignore[arg-type]  # passed through

    def counted_verify(self: argon2.PasswordHasher, *args: object) -> object:
        computed.append("verify")
        return verify(self, *args)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(argon2.low_level, "hash_secret", counted_encode)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_verify)
    return computed


def test_name_and_password_give_tokens_that_work(anonymous: httpx.Client, doc1: Person) -> None:
    answer = sign_in(anonymous, "doc1")
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access", "refresh", "expiresIn", "user"}
    assert body["expiresIn"] == 300
    assert body["user"] == {
        "id": str(doc1.id),
        "username": "doc1",
        "displayName": "Dr. Iris Berg",
        "role": "provider",
        "isActive": True,
    }
    me = anonymous.get("/me", headers={"Authorization": f"Bearer {body['access']}"})
    assert me.json()["id"] == str(doc1.id)
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


def test_the_name_works_in_any_case(anonymous: httpx.Client, doc1: Person) -> None:
    assert sign_in(anonymous, "DOC1").json()["user"]["username"] == "doc1"


def test_only_hashes_of_tokens_are_stored(anonymous: httpx.Client, doc1: Person) -> None:
    refresh = sign_in(anonymous, "doc1").json()["refresh"]
    [stored] = RefreshToken.objects.all()
    raw = base64.urlsafe_b64decode(refresh + "=")
    assert bytes(stored.hash) == hashlib.sha256(raw).digest()


def test_the_session_remembers_the_device_and_hides_its_address(anonymous: httpx.Client, doc1: Person) -> None:
    sign_in_answer = anonymous.post(
        "/auth/token", json={"username": "doc1", "password": PASSWORD}, headers={"User-Agent": "Ward\t7 " + "x" * 300}
    )
    assert sign_in_answer.status_code == 200
    [session] = LoginSession.objects.all()
    assert session.user_agent == ("Ward7 " + "x" * 300)[:200]
    assert session.ip_h is not None
    assert len(bytes(session.ip_h)) == 32


def test_signing_in_is_recorded(anonymous: httpx.Client, doc1: Person) -> None:
    sign_in(anonymous, "doc1")
    [entry] = recorded("session.started")
    assert (entry.actor, entry.actor_role, entry.outcome) == (doc1.id, "provider", "allow")
    assert entry.object == entry.session == LoginSession.objects.get().id


# ---- T014: every failure looks and costs the same ----------------------------------------------------------------


@pytest.fixture
def unusable(database: None) -> User:
    return services.create_user(actor=SYSTEM, username="unusable", password=None, role="provider")


def test_every_failure_gets_the_same_answer(
    anonymous: httpx.Client, doc1: Person, dis1: Person, unusable: User
) -> None:
    attempts = [("doc1", WRONG), ("nobody", PASSWORD), ("dis1", PASSWORD), ("unusable", PASSWORD), ("ünbekannt", "x")]
    answers = [sign_in(anonymous, *attempt) for attempt in attempts]
    for answer in answers:
        assert_problem(answer, 401, "unauthenticated")
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert len({frozenset(answer.headers.keys()) for answer in answers}) == 1
    assert not LoginSession.objects.exists()


@pytest.mark.parametrize("username", ["doc1", "nobody", "dis1", "unusable"])
def test_every_failure_computes_exactly_one_hash(
    anonymous: httpx.Client, doc1: Person, dis1: Person, unusable: User, hashes: list[str], username: str
) -> None:
    password = WRONG if username == "doc1" else PASSWORD
    assert sign_in(anonymous, username, password).status_code == 401
    assert len(hashes) == 1


def test_failures_are_recorded_with_the_account_but_without_unknown_names(
    anonymous: httpx.Client, doc1: Person
) -> None:
    sign_in(anonymous, "doc1", WRONG)
    sign_in(anonymous, "my-password-typed-here")
    known, unknown = recorded("session.refused")
    assert (known.actor, known.object, known.outcome) == (doc1.id, doc1.id, "deny")
    assert (unknown.actor, unknown.object, unknown.outcome) == (SYSTEM_ID, None, "deny")
    assert known.ip_h == unknown.ip_h is not None


# ---- T016: too many failures -------------------------------------------------------------------------------------


def test_after_ten_failures_even_the_right_password_has_to_wait(
    anonymous: httpx.Client, doc1: Person, hashes: list[str]
) -> None:
    for _ in range(10):
        assert sign_in(anonymous, "doc1", WRONG).status_code == 401
    hashes.clear()
    for password in (WRONG, PASSWORD):
        refused = sign_in(anonymous, "doc1", password)
        assert_problem(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 900
        assert refused.json()["retryAfterMs"] >= 1000
    assert hashes == []
    assert sign_in(anonymous, "DOC1").status_code == 429


def test_when_the_failures_are_forgotten_the_right_password_works(anonymous: httpx.Client, doc1: Person) -> None:
    for _ in range(10):
        sign_in(anonymous, "doc1", WRONG)
    assert sign_in(anonymous, "doc1").status_code == 429
    cache.clear()  # what time does, here
    limiting.local.clear()  # and here
    assert sign_in(anonymous, "doc1").status_code == 200


def test_signing_in_rightly_is_not_counted(anonymous: httpx.Client, doc1: Person) -> None:
    assert {sign_in(anonymous, "doc1").status_code for _ in range(12)} == {200}


def test_others_at_the_same_address_are_not_held_up(anonymous: httpx.Client, doc1: Person, doc2: Person) -> None:
    for _ in range(10):
        sign_in(anonymous, "doc1", WRONG)
    assert sign_in(anonymous, "doc2").status_code == 200


def test_an_account_bears_fifty_failures_from_everywhere(
    anonymous: httpx.Client, doc1: Person, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = 1

    def attempt(n: int, password: str = WRONG) -> int:
        body = {"username": "doc1", "password": password}
        return anonymous.post("/auth/token", json=body, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code

    assert {attempt(n) for n in range(50)} == {401}
    assert attempt(99, PASSWORD) == 429


def test_an_address_bears_a_hundred_failures_for_all_names(anonymous: httpx.Client, doc1: Person) -> None:
    assert {sign_in(anonymous, f"guess{n}", WRONG).status_code for n in range(100)} == {401}
    assert sign_in(anonymous, "doc1").status_code == 429


def test_a_hundred_guesses_at_once_are_not_a_hundred_guesses(rest: Rest, doc1: Person, hashes: list[str]) -> None:
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda _: sign_in(rest(), "doc1", WRONG).status_code, range(30)))
    assert set(statuses) == {401, 429}
    assert statuses.count(401) <= 10 + passwords.AT_ONCE - 1
    assert len(hashes) == statuses.count(401)


# ---- What is not accepted at all ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1025, 4097, 1_000_000])
def test_a_password_nobody_can_have_is_refused_without_hashing(
    anonymous: httpx.Client, doc1: Person, hashes: list[str], length: int
) -> None:
    """T017. A body beyond 1 MiB does not get this far: it is 413."""
    answer = sign_in(anonymous, "doc1", "x" * length)
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {"password": "max_length"}
    assert hashes == []


def test_the_longest_password_works(anonymous: httpx.Client) -> None:
    password = "".join(chr(0x1F400 + n % 97 + n // 97) for n in range(passwords.LONGEST))
    services.create_user(actor=SYSTEM, username="long", password=password)
    assert sign_in(anonymous, "long", password).status_code == 200
    assert sign_in(anonymous, "long", password[:-1] + "x").status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "doc1"}, "invalid"),
        ({"username": "doc1", "password": 7}, "invalid"),
        ({"username": "doc1", "password": ""}, "invalid"),
        ({"username": "doc1", "password": "a\x00b"}, "invalid_text"),
        ({"username": ["doc1"], "password": PASSWORD}, "invalid"),
        ({"username": "doc1", "password": PASSWORD, "pin": "123456"}, "unknown_field"),
        ({"username": "doc1", "password": PASSWORD, "cookie": "yes"}, "invalid"),
        ([], "invalid"),
    ],
)
def test_a_body_of_another_shape_is_refused(anonymous: httpx.Client, doc1: Person, body: object, code: str) -> None:
    assert_problem(anonymous.post("/auth/token", json=body), 400, code)


def test_a_form_is_not_json(anonymous: httpx.Client, doc1: Person) -> None:
    answer = anonymous.post("/auth/token", data={"username": "doc1", "password": PASSWORD})
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_bad_authorization_header_does_not_hinder_signing_in(anonymous: httpx.Client, doc1: Person) -> None:
    body = {"username": "doc1", "password": PASSWORD}
    assert anonymous.post("/auth/token", json=body, headers={"Authorization": "Bearer old"}).status_code == 200


# ---- Races and rehashing -----------------------------------------------------------------------------------------


def test_a_password_that_changes_meanwhile_opens_no_session(
    anonymous: httpx.Client, doc1: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = passwords.check

    def check_then_change(password: str, encoded: str | None) -> passwords.Verdict:
        verdict = check(password, encoded)
        User.objects.filter(pk=doc1.id).update(password="!")
        return verdict

    monkeypatch.setattr(passwords, "check", check_then_change)
    assert_problem(sign_in(anonymous, "doc1"), 401, "unauthenticated")
    assert not LoginSession.objects.exists()


def test_a_weaker_hash_is_replaced_at_the_next_sign_in(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user("old")
    user.password = weak = passwords.encode(PASSWORD)
    user.save(update_fields=["password"])
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 1024)
    assert sign_in(anonymous, "old").status_code == 200
    user.refresh_from_db()
    assert user.password != weak
    assert passwords.check(PASSWORD, user.password) == passwords.Verdict(correct=True, outdated=False)


def test_a_bot_never_signs_in_whatever_password_it_was_given(
    anonymous: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.create_user(actor=SYSTEM, username="robo", password=None, role="bot")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "twelve monkeys and a typewriter")
    call_command("changepassword", "robo", verbosity=0)
    assert_problem(sign_in(anonymous, "robo", "twelve monkeys and a typewriter"), 401, "unauthenticated")
