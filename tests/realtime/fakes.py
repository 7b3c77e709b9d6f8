"""A connection and a database for the hub that do exactly what a test says, in the order it says."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID, uuid4

from realtime import protocol
from realtime.feed import Feed
from realtime.hub import Hub
from realtime.leases import Leases
from realtime.protocol import CloseCode
from realtime.published import Published
from realtime.sockets import Read, Socket, Stretch
from realtime.wires import Watcher

Frame = dict[str, Any]


class FakeWire:
    """Takes what is written; `full()` and `empty()` are what a transport says about its buffer."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.writes = 0
        self.unsent = 0
        self.code: CloseCode | None = None
        self.aborted = False
        self._watcher: Watcher | None = None
        self._left: int | None = None

    def watch(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def write(self, frames: bytes) -> None:
        assert self.code is None, "written after close"
        self.writes += 1
        self.frames += [json.loads(payload) for payload in protocol.payloads(frames)]
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._left = None
                self.full()

    def close(self, code: CloseCode) -> None:
        self.code = code

    def abort(self) -> None:
        self.aborted = True

    def buffered(self) -> int:
        return self.unsent

    def full(self, unsent: int = 300_000) -> None:
        self.unsent = unsent
        assert self._watcher is not None
        self._watcher.paused()

    def full_after(self, writes: int) -> None:
        """It will be full after so many more writes."""
        self._left = writes

    def never_full(self) -> None:
        self._left = None
        if self.unsent:
            self.empty()

    def empty(self) -> None:
        self.unsent = 0
        assert self._watcher is not None
        self._watcher.resumed()

    def seqs(self, stream: UUID) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame.get("conversationId") == str(stream) and "seq" in frame]

    def types(self) -> list[str]:
        return [frame.get("type") or frame["event"] for frame in self.frames]


class FakeReader:
    """Remembers what the hub wants read; the test answers when it likes."""

    def __init__(self) -> None:
        self.new: list[Feed] = []
        self.gaps: list[Feed] = []
        self.reads: list[tuple[Socket, Sequence[Stretch]]] = []

    def settle(self, feed: Feed) -> None:
        self.new.append(feed)

    def close_gap(self, feed: Feed, *, at_once: bool = False) -> None:
        self.gaps.append(feed)

    def read_for(self, socket: Socket, stretches: Sequence[Stretch]) -> None:
        self.reads.append((socket, stretches))

    def look_again(self, feed: Feed) -> None:
        self.new.append(feed)


class _Now:
    """As much of an event loop as the hub's entry points need."""

    def call_soon_threadsafe(self, action: Callable[[], None]) -> None:
        action()


class Stage:
    """A hub without a loop: what threads hand it is carried out at once."""

    def __init__(self) -> None:
        self.hub = Hub(Leases())
        self.reader = FakeReader()
        self.hub.bind(cast(asyncio.AbstractEventLoop, _Now()), self.reader)

    def socket(self, user: UUID, visible: dict[UUID, int], cursors: dict[UUID, int] | None = None) -> FakeWire:
        """A client that has opened; heads that are not known are 0."""
        socket, wire = self.opening(user)
        self.hub.subscribe(socket, visible)
        self.settle(0)
        socket.begin(protocol.encode({"type": "auth_success"}), cursors, [])
        return wire

    def opening(self, user: UUID) -> tuple[Socket, FakeWire]:
        wire = FakeWire()
        socket = Socket(self.hub, wire)
        self.hub.enter(socket)
        self.hub.recognise(socket, user, uuid4())
        return socket, wire

    def hello(self) -> bytes:
        return protocol.encode({"type": "auth_success"})

    def encoded(self, stream: UUID, seq: int) -> bytes:
        return protocol.encode(message(stream, seq).frame)

    def settle(self, head: int) -> None:
        """Answer what the heads of new feeds are."""
        while self.reader.new:
            self.hub.settled(self.reader.new.pop(), head)

    def publish(self, stream: UUID, *seqs: int) -> None:
        for seq in seqs:
            self.hub.publish([message(stream, seq)])

    def page(self, floor: int = 1) -> None:
        """Answer the oldest read of a socket from a database that has every event from `floor` on."""
        socket, stretches = self.reader.reads.pop(0)
        page = {stretch.feed.id: _frames(stretch, floor) for stretch in stretches}
        socket.take_page(stretches, page)


def _frames(stretch: Stretch, floor: int) -> list[Read]:
    seqs = range(max(stretch.after + 1, floor), stretch.up_to + 1)
    return [Read(seq, protocol.encode(message(stretch.feed.id, seq).frame)) for seq in seqs]


def message(stream: UUID, seq: int) -> Published:
    return Published(stream, seq, {"event": "message:new", "conversationId": str(stream), "seq": seq, "data": {}})


def departure(stream: UUID, seq: int, user: UUID) -> Published:
    frame = {"event": "member:left", "conversationId": str(stream), "seq": seq, "data": {"userId": str(user)}}
    return Published(stream, seq, frame)
