"""One connection's streams: which it follows, how far it is in each, and how it catches up.

Durable events are never queued for a socket. Either it is live in a feed and gets what the feed's rounds write, or it
has a cursor there (`behind`) and `pump` brings it forward from the shared window or the database, as far as its
connection takes it. So a client that reads slowly costs one number per stream, and a client that comes back after a
week is the same case as one that fell behind a second ago.

While a replay runs (`goals`) each of its streams stops at the number it had when the replay began; when all are there
the client is told `resumed`, and only then the streams go on. So what the client gets is: auth_success, replay,
resumed, live.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from realtime import protocol
from realtime.feed import MOST_WRITE, Feed
from realtime.outlet import Outlet
from realtime.standing import Change
from realtime.wires import Wire

if TYPE_CHECKING:
    from realtime.hub import Hub

PAGE = 200
_FURTHEST_BEHIND = 256
_AT_HEAD = -1


class Stretch(NamedTuple):
    """Events a socket needs from the database: after < seq ≤ up_to."""

    feed: Feed
    after: int
    up_to: int


class Read(NamedTuple):
    """An event from the database, and whose last one it is."""

    seq: int
    frame: bytes
    leaver: UUID | None = None


Page = Mapping[UUID, Sequence[Read]]
"""What was read for some stretches, by stream, ascending."""


class Socket(Outlet):
    """A client that follows streams."""

    __slots__ = ("_changes", "_goals", "_limits", "_reading", "_returns", "behind", "feeds")

    def __init__(self, hub: "Hub", wire: Wire) -> None:
        super().__init__(hub, wire)
        self.feeds: dict[Feed, int] = {}
        """What it follows, and the first seq it may see there."""
        self.behind: dict[Feed, int] = {}
        """Where it is not live: the last seq it got."""
        self._reading = False
        self._goals: dict[Feed, int] | None = None
        self._limits: dict[Feed, int] = {}
        """Where it may get nothing more after this seq."""
        self._returns: dict[Feed, Change] = {}
        """Where its user has come back after the limit."""
        self._changes: dict[UUID, Change] | None = {}

    @property
    def opening(self) -> bool:
        """Whether its memberships are still being read."""
        return self._changes is not None

    def note_change(self, stream_id: UUID, change: Change) -> None:
        """While the socket opens: what is read about its memberships may be older than this."""
        if self._changes is not None:
            self._changes[stream_id] = change

    def with_changes(self, visible: Mapping[UUID, int]) -> dict[UUID, int]:
        """What was read, corrected by what was heard meanwhile. From now on changes act at once."""
        corrected, changes, self._changes = dict(visible), self._changes or {}, None
        for stream_id, change in changes.items():
            first_seq = corrected.get(stream_id, 0)
            if change.first_seq is not None:
                corrected[stream_id] = max(first_seq, change.first_seq)
            elif first_seq <= change.at:
                corrected.pop(stream_id, None)
        return corrected

    def follow(self, feed: Feed, first_seq: int, cursor: int) -> None:
        """Get what comes after `cursor`, and never anything below `first_seq`."""
        self.feeds[feed] = first_seq
        self._limits.pop(feed, None)
        self._place(feed, max(cursor, first_seq - 1))
        self.pump()

    def follow_from_head(self, feed: Feed, first_seq: int) -> None:
        """At opening: wait in the feed, at a place that `begin` decides. A repeat does nothing."""
        if feed in self.feeds:
            return
        self.feeds[feed] = first_seq
        self.behind[feed] = _AT_HEAD
        feed.lagging.add(self)

    def unfollow(self, feed: Feed) -> None:
        """Nothing more of this stream, from this moment on."""
        if self.feeds.pop(feed, None) is None:
            return
        self.behind.pop(feed, None)
        self._limits.pop(feed, None)
        self._returns.pop(feed, None)
        if self._goals is not None:
            self._goals.pop(feed, None)
        feed.drop(self)
        self.hub.dropped(feed)

    def end_at(self, feed: Feed, seq: int) -> None:
        """`seq` is the last event of this stream that the socket gets."""
        if feed in self._returns and self._returns[feed].at < seq:
            # It lags through a whole stay: after that is over nobody may read it again anyway.
            del self._returns[feed]
        if self.behind.get(feed, seq) >= seq:
            self.unfollow(feed)
        else:
            self._limits[feed] = min(seq, self._limits.get(feed, seq))

    def return_after(self, feed: Feed, seq: int, back: Change) -> None:
        """Its user left with the event `seq` and came back later: what lies between is not theirs."""
        cursor = self.behind.get(feed, feed.cursor(self))
        if cursor < seq:
            self._limits[feed] = min(seq, self._limits.get(feed, seq))
            self._returns[feed] = back
        else:
            feed.drop(self)
            self.follow(feed, back.first_seq or 1, max(cursor, back.at - 1))

    def join(self, feed: Feed, change: Change) -> None:
        """Its user belongs to this stream since the event of that number."""
        if feed in self._limits:
            self._returns[feed] = change
        elif feed not in self.feeds:
            self.follow(feed, change.first_seq or 1, max(change.at - 1, 0))

    def fall_behind(self, feed: Feed, cursor: int) -> None:
        """Called by the feed: the event after `cursor` could not be written."""
        feed.drop(self)
        feed.lagging.add(self)
        self.behind[feed] = cursor

    def confirm(self, visible: Mapping[UUID, int]) -> bool:
        """What was read about the memberships again, after the socket followed: what is no longer there is left.

        From here on a departure has a higher number than anything the feed began with, and cannot be missed. False
        when there is something in it that the socket does not follow yet.
        """
        for feed in [feed for feed, cursor in self.behind.items() if cursor == _AT_HEAD]:
            if feed.id in visible:
                self.feeds[feed] = visible[feed.id]
            else:
                self.unfollow(feed)
        return visible.keys() <= {feed.id for feed in self.feeds}

    def _place(self, feed: Feed, cursor: int) -> None:
        replaying = self._goals is not None and feed in self._goals
        if feed.window is None or not self.live or replaying or cursor < feed.fanned:
            feed.live.discard(self)
            feed.lagging.add(self)
            self.behind[feed] = cursor
            return
        self.behind.pop(feed, None)
        feed.lagging.discard(self)
        feed.live.add(self)
        if cursor > feed.fanned:
            feed.starts[self] = cursor + 1

    def begin(self, hello: bytes, cursors: Mapping[UUID, int] | None, resyncs: Iterable[bytes]) -> None:
        """The end of opening: every feed knows its head. Say hello, replay when cursors are given, go live."""
        self.send(hello)
        self.live = True
        for feed, cursor in self.behind.items():
            if cursor == _AT_HEAD:
                self.behind[feed] = max(feed.fanned, self.feeds[feed] - 1)
        if cursors is None:
            self.pump()
        else:
            self.replay(cursors, resyncs, all_wait=True)

    def replay(self, cursors: Mapping[UUID, int], resyncs: Iterable[bytes], *, all_wait: bool = False) -> None:
        """Send again what comes after these cursors, then `resumed`. With `all_wait` no stream goes on before that.

        A cursor never moves a socket forward: a client must not be able to skip the event that ends what it may see.
        """
        for frame in resyncs:
            self.send(frame)
        goals = self._goals or {}
        for feed in [*self.feeds] if all_wait else [f for f in self.feeds if f.id in cursors]:
            if feed.window is not None:
                goals[feed] = feed.fanned
        self._goals = goals
        for feed in [*goals]:
            if feed.id in cursors:
                reached = self.behind.get(feed, feed.cursor(self))
                feed.drop(self)
                self._place(feed, max(min(cursors[feed.id], reached), self.feeds[feed] - 1))
        self.pump()

    def pump(self) -> None:
        if self.closed or not self.live or self._reading:
            return
        self.flush_ephemeral()
        far = [feed for feed in [*self.behind] if self.writable and not self._advance(feed)]
        if self._goals is not None and self._all_there(self._goals):
            self._say_resumed(self._goals)
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
            frames, self.behind[feed] = window.after(cursor, goal, MOST_WRITE)
            self.write(frames)
        return True

    def _goal(self, feed: Feed) -> int:
        goal = feed.fanned if self._goals is None else self._goals.get(feed, feed.fanned)
        return min(goal, self._limits.get(feed, goal))

    def _arrive(self, feed: Feed, cursor: int) -> None:
        if cursor < self._limits.get(feed, cursor + 1):
            self._place(feed, cursor)
        elif back := self._returns.pop(feed, None):
            self.follow(feed, back.first_seq or 1, max(cursor, back.at - 1))
        else:
            self.unfollow(feed)

    def _all_there(self, goals: Mapping[Feed, int]) -> bool:
        return all(self.behind.get(feed, goal) >= goal for feed, goal in goals.items())

    def _say_resumed(self, goals: Mapping[Feed, int]) -> None:
        heads = {str(feed.id): goals.get(feed, feed.fanned) for feed in self.feeds if feed.window is not None}
        self._goals = None
        self.send(protocol.encode({"type": "resumed", "heads": heads}))
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
            self.write(event.frame)
            self.behind[feed] = event.seq
            if event.leaver is not None and event.leaver == self.user_id:
                # Perhaps nobody has announced it.
                self.hub.left(feed, event.leaver, event.seq)
                break

    def used_at(self) -> float:
        """When something other than a heartbeat was last sent (`time.monotonic()`)."""
        return max([self.told_at, *(feed.changed_at for feed in self.feeds)])

    def heads_since(self, moment: float) -> dict[str, int]:
        """The heads of the streams in which something has happened since then."""
        return {str(f.id): f.known for f in self.feeds if f.gap or (f.window is not None and f.changed_at >= moment)}

    def gone(self) -> None:
        self.hub.leave(self)

    def lags_too_far(self) -> bool:
        """More than 256 events behind the window. A replay begins further back than that, and only has to move on."""
        return self._goals is None and any(
            feed.window is not None and feed.window.first - cursor > _FURTHEST_BEHIND
            for feed, cursor in self.behind.items()
        )


def resync_frame(stream_id: UUID, reason: str) -> bytes:
    """`reason`: unknown_epoch, cursor_above_head or below_floor."""
    body: dict[str, Any] = {"type": "resync", "conversationId": stream_id, "reason": reason}
    return protocol.encode(body)
