"""Failures are counted without names, and still counted when the cache is gone."""

import pickle
import re
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from django.core.cache import caches
from django_ratelimit import core
from pytest_django import Settings

from accounts import limiting
from accounts.limiting import Failures, LocalCounts
from core.errors import RateLimited
from core.limits import Rate
from tests.accounts.conftest import Rest, assert_problem
from tests.people import PASSWORD, Person

pytestmark = pytest.mark.core


@pytest.fixture
def no_cache(settings: Settings) -> None:
    """A Redis that nobody answers for."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }


def attempt(client: httpx.Client, username: str, password: str) -> int:
    return client.post("/auth/token", json={"username": username, "password": password}).status_code


def test_without_the_cache_half_as_many_failures_are_allowed(
    anonymous: httpx.Client, doc1: Person, no_cache: None
) -> None:
    assert [attempt(anonymous, "doc1", "wrong") for _ in range(6)] == [401] * 5 + [429]
    answer = anonymous.post("/auth/token", json={"username": "doc1", "password": PASSWORD})
    assert_problem(answer, 429, "rate_limited")


def test_without_the_cache_the_right_password_still_works(
    anonymous: httpx.Client, doc1: Person, no_cache: None
) -> None:
    assert attempt(anonymous, "doc1", PASSWORD) == 200


def test_a_cache_that_is_gone_is_not_asked_again_for_a_while(
    no_cache: None, database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def get_usage(*args: object, **kwargs: Any) -> object:
        asked.append(kwargs["group"])
        return core.get_usage(*args, **kwargs)

    monkeypatch.setattr(limiting, "get_usage", get_usage)
    for _ in range(5):
        limiting.login_failures("doc1", "192.0.2.1").count()
    assert len(asked) == 1


def test_a_cache_that_goes_does_not_let_anybody_start_anew(
    database: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIMITS = settings.LIMITS | {"PASSWORD_FAILURES": Rate(10, 900)}
    failures = Failures(PASSWORD_FAILURES="x")
    for _ in range(9):
        failures.count()
    failures.require_room()
    monkeypatch.setattr(limiting, "_shared_usage", lambda *args, **kwargs: None)
    with pytest.raises(RateLimited):
        failures.require_room()


def test_a_cache_that_loses_what_it_is_given_does_not_open_the_door(
    settings: Settings, database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    monkeypatch.setattr(type(caches["default"]), "add", lambda *a, **k: False)
    failures = Failures(PASSWORD_FAILURES="x")
    for _ in range(5):
        failures.require_room()
        failures.count()
    with pytest.raises(RateLimited):
        failures.require_room()


def test_who_can_write_to_the_cache_runs_nothing_here(
    rest: Rest, pat1: Person, redis_client: "redis.Redis | None", tmp_path: Path
) -> None:
    """Django's own serializer unpickles what it finds."""
    if redis_client is None:
        pytest.skip("there is no Redis on the embedded default")

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    wrong = {"username": "pat1", "password": "wrong"}
    assert rest().post("/auth/token", json=wrong).status_code == 401
    counters = redis_client.keys()
    assert counters
    for counter in counters:
        redis_client.set(counter, pickle.dumps(Trap()), keepttl=True)
    assert rest().post("/auth/token", json={**wrong, "password": PASSWORD}).status_code == 200
    assert not (tmp_path / "sprung").exists()


def test_who_empties_the_cache_wins_no_new_tries(rest: Rest, pat1: Person) -> None:
    anonymous = rest()
    while attempt(anonymous, "pat1", "wrong") == 401:
        pass
    caches["default"].clear()
    assert attempt(anonymous, "pat1", "wrong") == 429


def test_no_name_and_no_address_reaches_the_cache(
    anonymous: httpx.Client, doc1: Person, redis_client: "redis.Redis | None"
) -> None:
    attempt(anonymous, "doc1", "wrong")
    if redis_client is None:
        pytest.skip("there is no Redis in the embedded default")
    counted = [str(key).rstrip("'").rpartition("rl:")[2] for key in redis_client.keys("*") if "rl:" in str(key)]
    assert len(counted) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in counted)


def test_the_wait_is_that_of_the_fullest_window(database: None, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REFRESH_FAILURES": Rate(1, 60), "PASSWORD_FAILURES": Rate(5, 900)}
    failures = Failures(REFRESH_FAILURES="a", PASSWORD_FAILURES="b")
    failures.count()
    with pytest.raises(RateLimited) as refused:
        failures.require_room()
    assert refused.value.retry_after_ms is not None
    assert 1000 <= refused.value.retry_after_ms <= 60_000


@pytest.mark.no_database
def test_local_counts_are_forgotten_after_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, rate = LocalCounts(), Rate(10, 60)
    for expected in (1, 2, 3):
        assert counts.usage("a", rate, add=True).failures == expected
    usage = counts.usage("a", rate, add=False)
    assert (usage.failures, usage.allowed) == (3, 5)
    assert 0 < usage.left <= 60
    assert counts.usage("b", rate, add=False).failures == 0
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert counts.usage("a", rate, add=False).failures == 0


@pytest.mark.no_database
def test_local_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "_MOST_LOCAL", 10)
    counts = LocalCounts()
    for n in range(30):
        counts.usage(str(n), Rate(10, 60), add=True)
    assert counts.usage("29", Rate(10, 60), add=False).failures == 1
    assert counts.usage("0", Rate(10, 60), add=False).failures == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("unix", "unix", True),
        ("", "192.0.2.1", False),
    ],
)
def test_whoever_has_a_network_has_one_place(
    database: None, settings: Settings, one: str, other: str, same: bool
) -> None:
    settings.LIMITS = settings.LIMITS | {"REFRESH_FAILURES": Rate(1, 60)}
    limiting.refresh_failures(one).count()
    with pytest.raises(RateLimited) if same else nullcontext():
        limiting.refresh_failures(other).require_room()


@pytest.mark.no_database
def test_half_of_one_is_still_one() -> None:
    assert LocalCounts().usage("a", Rate(1, 60), add=False).allowed == 1
