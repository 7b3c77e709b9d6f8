"""Leases: what several processes hold, each told the others by pokes that may be lost, late, or the last."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from pytest_django import Settings

from core.ids import uuid7
from realtime import leases as module
from realtime.leases import MOST_SAID, Leases, Lost

pytestmark = pytest.mark.no_database

ANN, BEN = uuid7(), uuid7()
PHONE, LAPTOP = uuid7(), uuid7()


class Clock:
    """The only clock of these tests; it stands until it is moved."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def monotonic(self) -> float:
        return self.moment


class Loop:
    """As much of an event loop as the callbacks need: they wait until `turn`."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, action: Callable[[], None]) -> None:
        self._waiting.append(action)

    def turn(self) -> None:
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()


class Process:
    """One process's leases, with the way its pokes take."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.leases = Leases()
        self.leases.shared = True
        self.loop = Loop()
        self.leases.bind(cast(Any, self.loop))

    def speaks_to(self, *others: "Process") -> int:
        """Send everything there is to send; how many pokes that took."""
        pokes = 0
        while said := json.loads(json.dumps(self.leases.collect())):
            pokes += 1
            for other in others:
                other.leases.take(self.name, said)
        return pokes

    def beats(self) -> None:
        """As often as it takes to look at everything once."""
        for _ in range(6):
            self.leases.look()
        self.loop.turn()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Clock:
    settings.LEASE_TTL = 60.0
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def here(clock: Clock) -> Process:
    return Process("here")


@pytest.fixture
def there(clock: Clock) -> Process:
    return Process("there")


def held(process: Process, key: UUID = ANN) -> dict[UUID, str]:
    return process.leases.held("presence", key)


def test_what_is_held_is_known_at_once_here_and_with_the_next_poke_there(here: Process, there: Process) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    assert held(here) == {PHONE: "online"}
    assert held(there) == {}
    here.speaks_to(there)
    assert held(there) == {PHONE: "online"}
    assert [*there.leases.keys("presence")] == [ANN]
    assert [*there.leases.keys("view")] == []
    assert held(there, BEN) == {}


def test_a_repeat_is_no_news(here: Process, there: Process) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    assert here.speaks_to(there) == 1
    here.leases.hold("presence", ANN, PHONE, "online")
    assert here.speaks_to(there) == 0
    here.leases.hold("presence", ANN, PHONE, "busy")
    assert here.speaks_to(there) == 1
    assert held(there) == {PHONE: "busy"}


def test_what_is_dropped_is_gone_everywhere(here: Process, there: Process) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.hold("presence", ANN, LAPTOP, "away")
    here.speaks_to(there)
    here.leases.drop("presence", ANN, PHONE)
    here.leases.drop("presence", ANN, PHONE)
    here.leases.drop("presence", BEN, PHONE)
    assert here.speaks_to(there) == 1
    assert held(here) == held(there) == {LAPTOP: "away"}
    here.leases.drop("presence", ANN, LAPTOP)
    here.speaks_to(there)
    assert [*here.leases.keys("presence")] == [*there.leases.keys("presence")] == []


def test_nobody_drops_what_another_holds(here: Process, there: Process) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.speaks_to(there)
    there.leases.drop("presence", ANN, PHONE)
    there.speaks_to(here)
    assert held(here) == held(there) == {PHONE: "online"}


def test_two_processes_may_say_something_of_one_holder(here: Process, there: Process, clock: Clock) -> None:
    """A device that moves from one process to another; the last word counts, and each ends by itself."""
    here.leases.hold("presence", ANN, PHONE, "online")
    clock.moment += 1
    there.leases.hold("presence", ANN, PHONE, "busy")
    here.speaks_to(there)
    there.speaks_to(here)
    assert sorted(here.leases.values("presence", ANN)) == sorted(there.leases.values("presence", ANN))
    assert held(here) == {PHONE: "busy"}
    here.leases.drop("presence", ANN, PHONE)
    here.speaks_to(there)
    assert held(here) == held(there) == {PHONE: "busy"}


def test_what_is_said_no_more_ends_after_its_time(here: Process, there: Process, clock: Clock) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.speaks_to(there)
    clock.moment += 59
    assert held(there) == {PHONE: "online"}
    clock.moment += 1
    assert held(there) == {}
    there.beats()
    assert [*there.leases.keys("presence")] == []
    assert held(here) == {PHONE: "online"}, "its own does not end"


def test_what_is_held_on_is_said_again_in_time(here: Process, there: Process, clock: Clock) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.speaks_to(there)
    for _ in range(10):
        clock.moment += 10
        here.beats()
        there.beats()
        here.speaks_to(there)
        assert held(there) == {PHONE: "online"}


def test_what_was_dropped_unheard_ends_all_the_same(here: Process, there: Process, clock: Clock) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.speaks_to(there)
    here.leases.drop("presence", ANN, PHONE)
    here.speaks_to()
    clock.moment += 61
    there.beats()
    assert held(there) == {}


def test_what_fades_ends_by_itself_here_and_there(here: Process, there: Process, clock: Clock) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.fade("presence", ANN, PHONE, 10)
    here.leases.fade("presence", BEN, PHONE, 10)
    clock.moment += 4
    here.speaks_to(there)
    clock.moment += 5
    assert held(here) == held(there) == {PHONE: "online"}
    clock.moment += 1
    assert held(here) == held(there) == {}


def test_what_fades_and_is_held_again_stays(here: Process, there: Process, clock: Clock) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.fade("presence", ANN, PHONE, 10)
    here.speaks_to(there)
    clock.moment += 9
    here.leases.hold("presence", ANN, PHONE, "online")
    here.speaks_to(there)
    clock.moment += 40
    assert held(here) == held(there) == {PHONE: "online"}


def test_who_goes_in_good_order_holds_nothing_but_what_fades(here: Process, there: Process) -> None:
    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.hold("presence", ANN, LAPTOP, "away")
    here.leases.hold("view", BEN, ANN)
    here.leases.fade("presence", ANN, PHONE, 10)
    there.leases.hold("view", BEN, BEN)
    here.speaks_to(there)
    there.leases.forget("here")
    assert held(there) == {PHONE: "online"}
    assert there.leases.held("view", BEN) == {BEN: ""}


def test_who_starts_is_told_everything_when_it_asks(here: Process, there: Process) -> None:
    for key in (ANN, BEN):
        here.leases.hold("presence", key, PHONE, "online")
    here.speaks_to(there)
    late = Process("late")
    here.speaks_to(late)
    assert held(late) == {}
    here.leases.say_all()
    here.speaks_to(late)
    assert held(late) == held(late, BEN) == {PHONE: "online"}
    there.leases.say_all()
    assert there.speaks_to(late) == 0, "nobody repeats what others said"


def test_a_poke_holds_only_so_many(here: Process, there: Process) -> None:
    keys = [uuid7() for _ in range(2 * MOST_SAID + 1)]
    for key in keys:
        here.leases.hold("presence", key, PHONE, "online")
    assert here.leases.has_news()
    assert here.speaks_to(there) == 3
    assert not here.leases.has_news()
    assert {*there.leases.keys("presence")} == {*keys}


def test_a_large_table_is_looked_at_in_parts(here: Process, there: Process, clock: Clock) -> None:
    keys = [uuid7() for _ in range(6000)]
    for key in keys:
        here.leases.hold("presence", key, PHONE, "online")
    here.speaks_to(there)
    clock.moment += 61
    there.leases.look()
    assert 0 < len(there.leases.keys("presence")) < 6000
    there.beats()
    assert [*there.leases.keys("presence")] == []


def test_listeners_hear_of_changes_and_not_of_repeats(here: Process, there: Process) -> None:
    heard: list[UUID] = []
    there.leases.on_change("presence", heard.append)

    def changes() -> list[UUID]:
        there.loop.turn()
        found = [*heard]
        heard.clear()
        return found

    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.hold("view", BEN, ANN)
    here.speaks_to(there)
    assert changes() == [ANN]
    here.leases.say_all()
    here.speaks_to(there)
    assert changes() == []
    here.leases.hold("presence", ANN, PHONE, "busy")
    here.leases.hold("presence", ANN, LAPTOP, "away")
    here.speaks_to(there)
    assert changes() == [ANN], "once for what changed together"
    there.leases.forget("here")
    assert changes() == [ANN]


def test_a_listener_that_fails_keeps_nobody_else_from_hearing(here: Process, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[UUID] = []

    def fails(key: UUID) -> None:
        raise ZeroDivisionError("canary-4711")

    here.leases.on_change("presence", fails)
    here.leases.on_change("presence", heard.append)
    here.leases.hold("presence", ANN, PHONE)
    here.loop.turn()
    assert heard == [ANN]
    assert "ZeroDivisionError" in caplog.text
    assert "canary-4711" not in caplog.text


def test_what_ended_by_itself_is_told_with_the_age_of_its_last_word(
    here: Process, there: Process, clock: Clock
) -> None:
    lost: list[Lost] = []
    there.leases.on_loss("presence", lost.append)
    here.leases.hold("presence", ANN, PHONE, "online")
    here.leases.hold("presence", BEN, LAPTOP, "busy")
    here.speaks_to(there)
    here.leases.drop("presence", BEN, LAPTOP)
    here.speaks_to(there)
    clock.moment += 62
    there.beats()
    assert lost == [Lost(ANN, PHONE, "online", 62.0)]


def test_a_process_alone_keeps_no_news(clock: Clock) -> None:
    alone = Leases()
    alone.hold("presence", ANN, PHONE, "online")
    alone.say_all()
    assert not alone.has_news()
    assert alone.held("presence", ANN) == {PHONE: "online"}
    alone.clear()
    assert alone.held("presence", ANN) == {}
