"""The hub under every order of things: commits, announcements, reads, openings, removals, stalls, shuffled by a seed.

A small model plays the database and the threads. It decides what is true; the hub hears of it late, in the wrong order,
or not at all. After every write: no client has an event outside its user's stays, none twice, none out of order. In the
end, when everything has been said and read: nothing is missing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import pytest

from realtime import feed, protocol, window
from realtime.published import Published
from realtime.sockets import Read, Socket
from tests.realtime.fakes import FakeWire, Stage, departure, message

pytestmark = pytest.mark.no_database

USERS = [UUID(int=n) for n in range(1, 5)]
ROOMS = [UUID(int=100 + n) for n in range(2)]
OUTSIDE = 10**9

Step = Callable[[], None]


@dataclass
class Stay:
    joined: int
    left: int = OUTSIDE


@dataclass
class Room:
    """What the database knows: the events, and who belonged when (first seq … last seq they may see)."""

    events: list[Published] = field(default_factory=list)
    stays: dict[UUID, list[Stay]] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.events)

    def member(self, user: UUID) -> bool:
        return bool(self.stays.get(user)) and self.stays[user][-1].left == OUTSIDE

    def stay(self, user: UUID, seq: int) -> Stay | None:
        return next((stay for stay in self.stays.get(user, ()) if stay.joined <= seq <= stay.left), None)


class Wire(FakeWire):
    def __init__(self, owner: UUID, rooms: dict[UUID, Room], cursors: dict[UUID, int]) -> None:
        super().__init__()
        self.owner, self.rooms, self.last = owner, rooms, dict(cursors)
        self.written: set[tuple[UUID, int]] = set()

    def write(self, frames: bytes) -> None:
        before = len(self.frames)
        super().write(frames)
        for frame in self.frames[before:]:
            if "seq" in frame:
                self._check(UUID(frame["conversationId"]), frame["seq"])

    def _check(self, room: UUID, seq: int) -> None:
        stay = self.rooms[room].stay(self.owner, seq)
        assert stay is not None, f"leak of {seq}"
        last = self.last.get(room)
        if last is not None and (room, last) in self.written:
            before = self.rooms[room].stay(self.owner, last)
            # A whole stay may be missed by who lags through it; after it nobody could read it anyway.
            assert seq == max(last + 1, stay.joined), f"{seq} after {last}"
            assert before is None or before is stay or last == before.left, f"{last} was not the last of its stay"
        elif last is not None:
            assert seq <= max(last + 1, stay.joined), f"{seq} after cursor {last}"
        self.last[room] = seq
        self.written.add((room, seq))


class Play:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.stage = Stage()
        self.rooms = {room: Room() for room in ROOMS}
        for room in self.rooms.values():
            room.stays = {user: [Stay(1)] for user in USERS[:3]}
        self.pending: list[Step] = []
        self.clients: list[tuple[Socket, Wire]] = []
        self.left_during: set[UUID] = set()

    def run(self, steps: int) -> None:
        moves = [self.say, self.say, self.say, self.leave, self.join, self.open, self.choke, self.close, self.read]
        for _ in range(steps):
            self.random.choice(moves)()
            for _ in range(self.random.randrange(3)):
                self.carry_out_something()

    def settle_down(self) -> None:
        for _ in range(200):
            while self.pending:
                self.carry_out_something()
            for _, wire in self.clients:
                wire.never_full()
            self.stage.hub.notice({room_id: room.head for room_id, room in self.rooms.items()})
            if not self.read() and not self.pending:
                return
        pytest.fail("reading never ends")

    def carry_out_something(self) -> None:
        if self.pending:
            self.pending.pop(self.random.randrange(len(self.pending)))()

    # What commits.

    def say(self) -> None:
        room_id = self.random.choice(ROOMS)
        event = message(room_id, self.rooms[room_id].head + 1)
        self.rooms[room_id].events.append(event)
        self.announce(partial(self.stage.hub.publish, [event]))

    def leave(self) -> None:
        room_id, user = self.random.choice(ROOMS), self.random.choice(USERS)
        room = self.rooms[room_id]
        if room.member(user) and self.random.random() < 0.4:
            event = departure(room_id, room.head + 1, user)
            room.events.append(event)
            room.stays[user][-1].left = room.head
            self.left_during.add(user)
            self.announce(partial(self.stage.hub.publish, [event]))

    def join(self) -> None:
        room_id, user = self.random.choice(ROOMS), self.random.choice(USERS)
        room = self.rooms[room_id]
        if not room.member(user):
            event = message(room_id, room.head + 1)
            room.events.append(event)
            room.stays.setdefault(user, []).append(Stay(room.head))
            self.pending.append(partial(self._joined, user, room_id, room.head, event))

    def _joined(self, user: UUID, room_id: UUID, seq: int, event: Published) -> None:
        self.stage.hub.follow([user], room_id, seq, seq)
        self.stage.hub.publish([event])

    def announce(self, step: Step) -> None:
        if self.random.random() < 0.9:
            self.pending.append(step)

    # What clients do.

    def open(self) -> None:
        user = self.random.choice(USERS)
        self.pending.append(partial(self._recognise, user, self._visible(user)))

    def _recognise(self, user: UUID, visible: dict[UUID, int]) -> None:
        wire = Wire(user, self.rooms, {})
        socket = Socket(self.stage.hub, wire)
        self.stage.hub.enter(socket)
        self.stage.hub.recognise(socket, user, None)
        self.pending.append(partial(self._subscribe, socket, wire, visible))

    def _visible(self, user: UUID) -> dict[UUID, int]:
        return {room_id: room.stays[user][-1].joined for room_id, room in self.rooms.items() if room.member(user)}

    def _subscribe(self, socket: Socket, wire: Wire, visible: dict[UUID, int]) -> None:
        if not socket.closed:
            self.stage.hub.subscribe(socket, visible)
            self._begin(socket, wire)

    def _begin(self, socket: Socket, wire: Wire) -> None:
        if any(feed.window is None for feed in socket.feeds):
            self.pending.append(partial(self._begin, socket, wire))
            self.read()
        else:
            self.pending.append(partial(self._confirm, socket, wire, self._visible(wire.owner)))

    def _confirm(self, socket: Socket, wire: Wire, visible: dict[UUID, int]) -> None:
        if socket.closed:
            return
        if socket.confirm(visible):
            self._go_live(socket, wire)
        else:
            self._subscribe(socket, wire, visible)

    def _go_live(self, socket: Socket, wire: Wire) -> None:
        self.clients.append((socket, wire))
        cursors = None
        if self.random.random() < 0.7:
            cursors = {f.id: self.random.randint(0, f.known) for f in socket.feeds if self.random.random() < 0.8}
            for feed, first in socket.feeds.items():
                if feed.id in cursors and socket.behind[feed] < 0:
                    wire.last[feed.id] = max(min(cursors[feed.id], feed.fanned), first - 1)
        socket.begin(self.stage.hello(), cursors, [])

    def choke(self) -> None:
        if self.clients:
            _, wire = self.random.choice(self.clients)
            if wire.unsent:
                wire.empty()
            elif self.random.random() < 0.5:
                wire.full()
            else:
                wire.full_after(self.random.randint(1, 4))

    def close(self) -> None:
        if self.clients and self.random.random() < 0.2:
            socket, _ = self.clients.pop(self.random.randrange(len(self.clients)))
            socket.lost()

    # What the hub reads: first the question, some time later the answer.

    def read(self) -> bool:
        reader = self.stage.reader
        asked = bool(reader.new or reader.gaps or reader.reads)
        while reader.new:
            feed = reader.new.pop()
            self.pending.append(partial(self.stage.hub.settled, feed, self.rooms[feed.id].head))
        while reader.gaps:
            feed = reader.gaps.pop()
            if feed.window is not None:
                events = self.rooms[feed.id].events[feed.window.last : feed.known]
                self.pending.append(partial(self._offer, feed, events))
        while reader.reads:
            socket, stretches = reader.reads.pop()
            page = {
                stretch.feed.id: [
                    Read(event.seq, protocol.encode(event.frame), event.leaver)
                    for event in self.rooms[stretch.feed.id].events[stretch.after : stretch.up_to]
                ]
                for stretch in stretches
            }
            self.pending.append(partial(socket.take_page, stretches, page))
        return asked

    def _offer(self, feed: object, events: list[Published]) -> None:
        for event in events:
            here = self.stage.hub.feeds.get(event.stream_id)
            if here is feed and here is not None:
                self.stage.hub.offer(here, event.seq, protocol.encode(event.frame), event.leaver)

    # What must be true in the end.

    def check(self) -> None:
        for socket, wire in [client for client in self.clients if not client[0].closed]:
            followed = {feed.id: feed for feed in socket.feeds}
            for room_id, room in self.rooms.items():
                if room.member(wire.owner):
                    if room_id in followed and room_id in wire.last:
                        assert wire.last[room_id] == room.head, f"stops at {wire.last[room_id]} of {room.head}"
                    assert room_id in followed or wire.owner in self.left_during
                else:
                    assert room_id not in followed, "follows what it has left"


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nearly everybody who lags has to read the database, and rounds are overtaken."""
    monkeypatch.setattr(window, "MOST_EVENTS", 3)
    monkeypatch.setattr(feed, "MOST_WRITE", 150)


@pytest.mark.parametrize("seed", range(200))
def test_no_order_of_things_loses_doubles_reorders_or_leaks(seed: int) -> None:
    play = Play(seed)
    play.run(150)
    play.settle_down()
    play.check()


@pytest.mark.parametrize("seed", range(200, 400))
def test_nor_with_a_window_of_three_events(seed: int, small_window: None) -> None:
    play = Play(seed)
    play.run(150)
    play.settle_down()
    play.check()


def test_the_plays_are_not_empty() -> None:
    """The checks above mean something only when much is delivered, also to clients who lag, leave and come back."""
    delivered = resumed = removed = 0
    for seed in range(300):
        play = Play(seed)
        play.run(150)
        play.settle_down()
        kinds = [kind for _, wire in play.clients for kind in wire.types()]
        delivered += kinds.count("message:new")
        resumed += kinds.count("resumed")
        removed += kinds.count("member:left")
    assert delivered > 20_000
    assert resumed > 500
    assert removed > 300
