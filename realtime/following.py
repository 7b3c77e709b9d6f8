"""One connection's streams: which it follows, how far it is in each, and how its user comes and goes.

Durable events are never queued for a socket. Either it is live in a feed and gets what the feed's rounds write, or it
has a cursor there (`behind`), from which `pump` brings it forward (`sockets`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from realtime.feed import Feed
from realtime.outlet import Outlet
from realtime.standing import Change
from realtime.wires import Wire

if TYPE_CHECKING:
    from realtime.hub import Hub

AT_HEAD = -1
"""A cursor that is decided at the end of opening: where the stream is then."""

_FURTHEST_BEHIND = 256


class Follower(Outlet):
    """The streams of a socket."""

    __slots__ = ("_changes", "behind", "feeds", "goals", "limits", "returns")

    def __init__(self, hub: "Hub", wire: Wire) -> None:
        super().__init__(hub, wire)
        self.feeds: dict[Feed, int] = {}
        """What it follows, and the first seq it may see there."""
        self.behind: dict[Feed, int] = {}
        """Where it is not live: the last seq it got."""
        self.goals: dict[Feed, int] | None = None
        """While a replay runs: up to where."""
        self.limits: dict[Feed, int] = {}
        """Where it may get nothing more after this seq."""
        self.returns: dict[Feed, Change] = {}
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
        self.limits.pop(feed, None)
        self.place(feed, max(cursor, first_seq - 1))
        self.pump()

    def follow_from_head(self, feed: Feed, first_seq: int) -> None:
        """At opening: wait in the feed, at a place that `begin` decides. A repeat does nothing."""
        if feed in self.feeds:
            return
        self.feeds[feed] = first_seq
        self.behind[feed] = AT_HEAD
        feed.lagging.add(self)

    def unfollow(self, feed: Feed) -> None:
        """Nothing more of this stream, from this moment on."""
        if self.feeds.pop(feed, None) is None:
            return
        self.behind.pop(feed, None)
        self.limits.pop(feed, None)
        self.returns.pop(feed, None)
        if self.goals is not None:
            self.goals.pop(feed, None)
        feed.drop(self)
        self.hub.views.end(self, feed.id)
        self.hub.dropped(feed)

    def end_at(self, feed: Feed, seq: int) -> None:
        """`seq` is the last event of this stream that the socket gets."""
        if feed in self.returns and self.returns[feed].at < seq:
            # It lags through a whole stay: after that is over nobody may read it again anyway.
            del self.returns[feed]
        if self.behind.get(feed, seq) >= seq:
            self.unfollow(feed)
        else:
            self.limits[feed] = min(seq, self.limits.get(feed, seq))

    def return_after(self, feed: Feed, seq: int, back: Change) -> None:
        """Its user left with the event `seq` and came back later: what lies between is not theirs."""
        cursor = self.behind.get(feed, feed.cursor(self))
        if cursor < seq:
            self.limits[feed] = min(seq, self.limits.get(feed, seq))
            self.returns[feed] = back
        else:
            feed.drop(self)
            self.follow(feed, back.first_seq or 1, max(cursor, back.at - 1))

    def join(self, feed: Feed, change: Change) -> bool:
        """Its user belongs to this stream since the event of that number. False when that was known."""
        if feed in self.limits:
            self.returns[feed] = change
        elif feed not in self.feeds:
            self.follow(feed, change.first_seq or 1, max(change.at - 1, 0))
        else:
            return False
        return True

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
        for feed in [feed for feed, cursor in self.behind.items() if cursor == AT_HEAD]:
            if feed.id in visible:
                self.feeds[feed] = visible[feed.id]
            else:
                self.unfollow(feed)
        return visible.keys() <= {feed.id for feed in self.feeds}

    def place(self, feed: Feed, cursor: int) -> None:
        """It has everything up to `cursor`: live, or behind."""
        replaying = self.goals is not None and feed in self.goals
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

    def belongs(self, feed: Feed) -> bool:
        """Whether its user belongs to the stream, as far as is known here: not so on the way to their last event."""
        return feed in self.feeds and feed not in self.limits

    def used_at(self) -> float:
        """When something other than a heartbeat was last sent (`time.monotonic()`)."""
        return max([self.told_at, *(feed.changed_at for feed in self.feeds)])

    def heads_since(self, moment: float) -> dict[str, int]:
        """The heads of the streams in which something has happened since then."""
        return {str(f.id): f.known for f in self.feeds if f.gap or (f.window is not None and f.changed_at >= moment)}

    def lags_too_far(self) -> bool:
        """More than 256 events behind the window. A replay begins further back than that, and only has to move on."""
        return self.goals is None and any(
            feed.window is not None and feed.window.first - cursor > _FURTHEST_BEHIND
            for feed, cursor in self.behind.items()
        )
