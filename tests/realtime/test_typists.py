"""Who is shown typing to whom, while people come and go and processes lag behind."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from realtime import typists
from realtime.sockets import Socket
from tests.realtime.fakes import FakeWire, Stage, departure

pytestmark = [pytest.mark.core, pytest.mark.no_database]

STREAM = uuid4()
Viewer = Callable[[UUID], FakeWire]


class Clock:
    moment = 100.0

    def monotonic(self) -> float:
        return self.moment


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("realtime.typists.time", clock)
    return clock


@pytest.fixture
def stage(clock: Clock) -> Stage:
    return Stage()


@pytest.fixture
def viewer(stage: Stage) -> Viewer:
    """A client that looks at the stream."""

    def open_one(user: UUID) -> FakeWire:
        wire = stage.socket(user, {STREAM: 1})
        [socket] = stage.hub.sockets_of(user)
        stage.hub.views.look(user, socket.id, [STREAM])
        return wire

    return open_one


def shown(wire: FakeWire) -> list[bool]:
    return [frame["data"]["isTyping"] for frame in wire.frames if frame.get("event") == "typing"]


def only_socket(stage: Stage, user: UUID) -> Socket:
    [socket] = stage.hub.sockets_of(user)
    return socket


def test_a_process_that_lags_says_nothing_until_it_knows_who_has_left(
    stage: Stage, viewer: Viewer, clock: Clock
) -> None:
    typist, leaver, stays = uuid4(), uuid4(), uuid4()
    gone, there = viewer(leaver), viewer(stays)
    stage.hub.hear_typing(STREAM, typist, True, 3)
    assert shown(there) == shown(gone) == []
    stage.publish(STREAM, 1, 2)
    stage.hub.typists.tick(clock.moment)
    assert shown(there) == []
    stage.hub.publish([departure(STREAM, 3, leaver)])
    stage.hub.typists.tick(clock.moment)
    assert shown(there) == [True]
    assert shown(gone) == []


def test_what_cannot_be_said_in_time_is_not_said(stage: Stage, viewer: Viewer, clock: Clock) -> None:
    typist, wire = uuid4(), viewer(uuid4())
    stage.hub.hear_typing(STREAM, typist, True, 1)
    clock.moment += 3
    stage.hub.typists.tick(clock.moment)
    stage.publish(STREAM, 1)
    stage.hub.typists.tick(clock.moment)
    assert shown(wire) == []
    assert not stage.hub.typists.types(STREAM, typist)


def test_a_sign_that_comes_after_its_giver_has_left_is_not_shown(stage: Stage, viewer: Viewer) -> None:
    typist, wire = uuid4(), viewer(uuid4())
    stage.hub.publish([departure(STREAM, 1, typist)])
    stage.hub.hear_typing(STREAM, typist, True, 0)
    assert shown(wire) == []
    stage.hub.follow([typist], STREAM, 1, 2)
    stage.publish(STREAM, 2)
    stage.hub.hear_typing(STREAM, typist, True, 2)
    assert shown(wire) == [True], "they are back"


def test_who_leaves_types_no_more(stage: Stage, viewer: Viewer) -> None:
    typist, wire = uuid4(), viewer(uuid4())
    stage.hub.hear_typing(STREAM, typist, True, 0)
    stage.hub.publish([departure(STREAM, 1, typist)])
    assert shown(wire) == [True, False]


def test_a_slow_client_on_the_way_to_its_last_event_sees_nothing_more(stage: Stage, viewer: Viewer) -> None:
    typist, leaver = uuid4(), uuid4()
    wire = viewer(leaver)
    wire.full()
    stage.publish(STREAM, 1)
    stage.hub.publish([departure(STREAM, 2, leaver)])
    stage.hub.hear_typing(STREAM, typist, True, 2)
    wire.empty()
    assert wire.seqs(STREAM) == [1, 2]
    assert shown(wire) == []


def test_a_view_ends_with_its_socket_and_leaves_nothing_behind(stage: Stage, viewer: Viewer) -> None:
    user = uuid4()
    viewer(user)
    assert stage.hub.views.users(STREAM) == {user}
    only_socket(stage, user).lost()
    assert stage.hub.views.users(STREAM) == set()
    stage.hub.hear_typing(STREAM, uuid4(), True, 0)


def test_nothing_is_kept_of_who_has_stopped(stage: Stage, viewer: Viewer, clock: Clock) -> None:
    wire = viewer(uuid4())
    for _ in range(50):
        stage.hub.hear_typing(STREAM, uuid4(), True, 0)
    clock.moment += 3
    stage.hub.typists.tick(clock.moment)
    assert shown(wire) == [True] * 50 + [False] * 50
    assert len(stage.hub.typists) == 0


def test_memory_is_bounded(stage: Stage, viewer: Viewer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typists, "MOST", 2)
    wire, people = viewer(uuid4()), [uuid4() for _ in range(5)]
    for person in people:
        stage.hub.hear_typing(STREAM, person, True, 0)
    assert shown(wire) == [True, True]
    clock.moment += 3
    stage.hub.typists.tick(clock.moment)
    stage.hub.hear_typing(STREAM, people[4], True, 0)
    assert shown(wire) == [True, True, False, False, True]
