"""How often: token buckets."""

from uuid import uuid4

import pytest
from pytest_django import Settings

from core import limits
from core.errors import RateLimited
from core.limits import Buckets, Rate

pytestmark = pytest.mark.core


def test_a_rate_reads_as_count_per_seconds() -> None:
    assert Rate.parse("60/60") == Rate(60, 60)
    assert Rate.parse("30") == Rate(30, 60)


@pytest.mark.parametrize("text", ["", "0/60", "-1/60", "5/0", "a/b", "5/-1"])
def test_a_rate_that_allows_nothing_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Rate.parse(text)


def test_a_bucket_gives_its_tokens_and_then_says_how_long_to_wait() -> None:
    buckets, who = Buckets(), uuid4()
    assert [buckets.take("send", who, Rate(2, 60)) for _ in range(2)] == [0.0, 0.0]
    assert 29 < buckets.take("send", who, Rate(2, 60)) <= 30


def test_a_bucket_refills_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("core.limits.time.monotonic", lambda: clock[0])
    buckets, who = Buckets(), uuid4()
    assert [bool(buckets.take("send", who, Rate(1, 10))) for _ in range(2)] == [False, True]
    clock[0] += 9.9
    assert buckets.take("send", who, Rate(1, 10)) > 0
    clock[0] += 0.2
    assert buckets.take("send", who, Rate(1, 10)) == 0


def test_what_another_process_gave_out_is_gone_here_too() -> None:
    """Into debt, so that asking two processes in turn is not twice as much."""
    one, other, who, rate = Buckets(), Buckets(), uuid4(), Rate(10, 60)
    one.shared = True
    for buckets in (one, other):
        assert [buckets.take("send", who, rate) for _ in range(10)] == [0.0] * 10
    taken = one.collect()
    assert taken == {("send", who): 10}
    other.spend("send", who, rate, taken["send", who])
    assert 60 < other.take("send", who, rate) <= 66
    assert one.collect() == {}


def test_a_debt_is_never_more_than_one_bucket() -> None:
    buckets, who, rate = Buckets(), uuid4(), Rate(10, 60)
    buckets.spend("send", who, rate, 1_000_000)
    assert 60 < buckets.take("send", who, rate) <= 66


def test_a_process_on_its_own_remembers_nothing_for_others() -> None:
    buckets = Buckets()
    buckets.take("send", uuid4(), Rate(10, 60))
    assert buckets.collect() == {}


def test_a_process_that_hears_nobody_gives_out_its_share() -> None:
    buckets, who = Buckets(), uuid4()
    buckets.share = 0.5
    taken = [not buckets.take("send", who, Rate(10, 60)) for _ in range(10)]
    assert taken == [True] * 5 + [False] * 5


def test_people_and_actions_have_buckets_of_their_own() -> None:
    buckets, a, b = Buckets(), uuid4(), uuid4()
    assert buckets.take("send", a, Rate(1, 60)) == 0
    assert buckets.take("send", b, Rate(1, 60)) == 0
    assert buckets.take("edit", a, Rate(1, 60)) == 0


def test_memory_is_bounded() -> None:
    buckets = Buckets(most=10)
    for _ in range(50):
        buckets.take("send", uuid4(), Rate(1, 60))
    assert len(buckets) == 10


def test_too_many_is_refused_with_the_time_to_wait(settings: Settings) -> None:
    settings.LIMITS = {**settings.LIMITS, "SEARCH": Rate(1, 60)}
    who = uuid4()
    limits.enforce("SEARCH", who)
    with pytest.raises(RateLimited) as caught:
        limits.enforce("SEARCH", who)
    assert caught.value.retry_after_ms is not None
    assert 59_000 < caught.value.retry_after_ms <= 60_001
    assert caught.value.detail == "Too many requests; try again in 60 s."


@pytest.mark.parametrize(("rate", "said"), [(Rate(1, 600), "10 min"), (Rate(5, 86_400), "5 h"), (Rate(9, 1), "1 s")])
def test_a_long_wait_is_told_in_words(settings: Settings, rate: Rate, said: str) -> None:
    settings.LIMITS = {**settings.LIMITS, "SEARCH": rate}
    who = uuid4()
    for _ in range(rate.count):
        limits.enforce("SEARCH", who)
    with pytest.raises(RateLimited, match=rf"try again in {said}\.$"):
        limits.enforce("SEARCH", who)
