"""How a socket catches up: replays, and going on after its connection was full.

A socket that is behind in a stream comes forward from the shared window or the database, as far as its connection takes
it. So a client that reads slowly costs one number per stream, and a client that comes back after a week is the same
case as one that fell behind a second ago.

While a replay runs (`goals`) each of its streams stops at the number it had when the replay began; when all are there
the client is told `resumed`, and only then the streams go on. So what the client gets is: auth_success, replay,
resumed, live.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from realtime import protocol
from realtime.feed import Feed, Veil, deliveries
from realtime.following import AT_HEAD, Follower
from realtime.mailbox import Flag
from realtime.wires import Wire

if TYPE_CHECKING:
    from realtime.hub import Hub

PAGE = 200


class Stretch(NamedTuple):
    """Events a socket needs from the database: after < seq ≤ up_to."""

    feed: Feed
    after: int
    up_to: int


class Read(NamedTuple):
    """An event from the database, whose last one it is, and what those get who may not see what it is about."""

    seq: int
    frame: bytes
    leaver: UUID | None = None
    veil: Veil | None = None


Page = Mapping[UUID, Sequence[Read]]
"""What was read for some stretches, by stream, ascending."""


class Socket(Follower):
    """A client of the hub."""

    __slots__ = ("_reading", "_replayed")

    def __init__(self, hub: "Hub", wire: Wire) -> None:
        super().__init__(hub, wire)
        self._reading = False
        self._replayed: Flag | None = None

    def begin(self, hello: bytes, cursors: Mapping[UUID, int] | None, resyncs: Iterable[bytes]) -> None:
        """The end of opening: every feed knows its head. Say hello, replay when cursors are given, go live."""
        self.send(hello)
        self.live = True
        for feed, cursor in self.behind.items():
            if cursor == AT_HEAD:
                self.behind[feed] = max(feed.fanned, self.feeds[feed] - 1)
        if cursors is None:
            self.pump()
        else:
            self.replay(cursors, resyncs, all_wait=True)

    async def replayed(self) -> None:
        """Wait until the replay that runs, if any, has come to its `resumed`."""
        while self.goals is not None and not self.closed:
            self._replayed = Flag()
            await self._replayed.wait()

    def replay(self, cursors: Mapping[UUID, int], resyncs: Iterable[bytes], *, all_wait: bool = False) -> None:
        """Send again what comes after these cursors, then `resumed`. With `all_wait` no stream goes on before that.

        Only when no other replay runs. A cursor never moves a socket forward: a client must not be able to skip the
        event that ends what it may see.
        """
        for frame in resyncs:
            self.send(frame)
        goals: dict[Feed, int] = {}
        for feed in [*self.feeds] if all_wait else [f for f in self.feeds if f.id in cursors]:
            if feed.window is not None:
                goals[feed] = feed.fanned
        self.goals = goals
        for feed in [*goals]:
            if feed.id in cursors:
                reached = self.behind.get(feed, feed.cursor(self))
                feed.drop(self)
                self.place(feed, max(min(cursors[feed.id], reached), self.feeds[feed] - 1))
        self.pump()

    def pump(self) -> None:
        if self.closed or not self.live or self._reading:
            return
        self.flush_ephemeral()
        far = [feed for feed in [*self.behind] if self.writable and not self._advance(feed)]
        if self.goals is not None and self._all_there(self.goals):
            self._say_resumed(self.goals)
        elif far and self.writable:
            self._read(far)

    def _advance(self, feed: Feed) -> bool:
        """Write from the window; False when it does not reach back far enough."""
        window = feed.window
        while window is not None and self.writable and (cursor := self.behind.get(feed)) is not None:
            goal = self._goal(feed)
            if cursor >= goal:
                self._arrive(feed, cursor)
                return True
            if cursor + 1 < window.first:
                return False
            frames, self.behind[feed] = feed.after(self, window, cursor, goal)
            self.write(frames)
            deliveries.n += self.behind[feed] - cursor
        return True

    def _goal(self, feed: Feed) -> int:
        goal = feed.fanned if self.goals is None else self.goals.get(feed, feed.fanned)
        return min(goal, self.limits.get(feed, goal))

    def _arrive(self, feed: Feed, cursor: int) -> None:
        if cursor < self.limits.get(feed, cursor + 1):
            self.place(feed, cursor)
        elif back := self.returns.pop(feed, None):
            self.follow(feed, back.first_seq or 1, max(cursor, back.at - 1))
        else:
            self.unfollow(feed)

    def _all_there(self, goals: Mapping[Feed, int]) -> bool:
        return all(self.behind.get(feed, goal) >= goal for feed, goal in goals.items())

    def _say_resumed(self, goals: Mapping[Feed, int]) -> None:
        heads = {str(feed.id): goals.get(feed, feed.fanned) for feed in self.feeds if feed.window is not None}
        self.goals = None
        self.send(protocol.encode({"type": "resumed", "heads": heads}))
        if self._replayed is not None:
            self._replayed.set()
        self.pump()

    def _read(self, far: Iterable[Feed]) -> None:
        """Streams are dense, so it is known beforehand how many events a stretch has: a page is never more than 200."""
        stretches, left = [], PAGE
        for feed in far:
            after = self.behind[feed]
            up_to = min(self._goal(feed), after + left)
            stretches.append(Stretch(feed, after, up_to))
            left -= up_to - after
            if not left:
                break
        self._reading = True
        self.hub.read_for(self, stretches)

    def take_page(self, stretches: Iterable[Stretch], page: Page) -> None:
        """What was read arrives. A stream that was left or sent back meanwhile is passed over; what the connection does
        not take is dropped and read again later."""
        self._reading = False
        for stretch in stretches:
            if not self.closed and self.behind.get(stretch.feed) == stretch.after:
                self._take_stretch(stretch, page.get(stretch.feed.id, ()))
        self.pump()

    def _take_stretch(self, stretch: Stretch, events: Sequence[Read]) -> None:
        feed = stretch.feed
        if len(events) < stretch.up_to - stretch.after:
            # Retention has removed the beginning: what is left does not join on to what the client has.
            self.send(resync_frame(feed.id, "below_floor"))
            self.behind[feed] = min(stretch.up_to, self._goal(feed))
            return
        for event in events:
            if not self.writable or event.seq > self._goal(feed):
                break
            hidden = event.veil is not None and self.feeds[feed] > event.veil.about
            self.write(event.veil.frame if event.veil is not None and hidden else event.frame)
            deliveries.n += 1
            self.behind[feed] = event.seq
            if event.leaver is not None and event.leaver == self.user_id:
                # Perhaps nobody has announced it.
                self.hub.left(feed, event.leaver, event.seq)
                break

    def gone(self) -> None:
        self.hub.leave(self)
        if self._replayed is not None:
            self._replayed.set()


def resync_frame(stream_id: UUID, reason: str) -> bytes:
    """`reason`: unknown_epoch, cursor_above_head, below_floor or shredded."""
    body: dict[str, Any] = {"type": "resync", "conversationId": stream_id, "reason": reason}
    return protocol.encode(body)
