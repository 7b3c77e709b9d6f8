"""One stream as this process follows it: the newest events, who is in step with them, and the rounds that hand them on.

Events arrive in any order (two threads commit 5 and 6, and 6 speaks first) and leave in order: what comes early waits,
and when the gap does not close by itself the missing events are read from the database.

`fanned` is the seq up to which rounds have been started. A round writes one or more events to everybody who was in
`live` when it began, a slice at a time, so that a large room does not hold the event loop. A socket is in one of two
places:

- `live`: it has everything up to `fanned`, or stands in the present round;
- `lagging`: it keeps a cursor of its own and comes back into `live` when the cursor has reached `fanned`.

Whoever comes into `live` during a round has that round's events already, and whoever is in the round and cannot take
more goes to `lagging` with the cursor from before the round: nobody misses an event, nobody gets one twice.

An event can be about something that lies before the stay of some who receive it, such as the edit of an older message.
They get it `Veil`ed, so that they have its number and nothing else; it goes in a round of its own.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from core import measuring
from realtime.window import MOST_EVENTS, Window

if TYPE_CHECKING:
    from realtime.following import Follower

deliveries = measuring.tally("deliveries", "Events with a number that were written to sockets: one for each of both.")

MOST_WRITE = 1 << 16
"""How many bytes of events are joined into one write."""


class Veil(NamedTuple):
    """An event as those get it who may see only what comes after number `about`."""

    about: int
    frame: bytes


Left = Callable[["Feed", UUID, int], None]


class Feed:
    """Made when the first socket follows a stream, let go with the last. Its head is unknown until `settle`."""

    __slots__ = (
        "_early",
        "_left",
        "_low",
        "_payload",
        "_targets",
        "_veil",
        "changed_at",
        "fanned",
        "id",
        "known",
        "lagging",
        "leavers",
        "live",
        "queued",
        "starts",
        "veils",
        "window",
    )

    def __init__(self, stream_id: UUID, left: Left) -> None:
        self.id = stream_id
        self.window: Window | None = None
        self.known = 0
        """The highest seq anybody has spoken of."""
        self.fanned = 0
        self.live: set[Follower] = set()
        self.lagging: set[Follower] = set()
        self.starts: dict[Follower, int] = {}
        """Live sockets that may see only what comes from this seq on: they joined ahead of what is known here."""
        self.leavers: dict[int, UUID] = {}
        """Events yet to be handed on that are the last ones their user may get."""
        self.veils: dict[int, Veil] = {}
        """The veiled frames of events in the window that are about something older."""
        self.changed_at = 0.0
        self.queued = False
        self._left = left
        self._early: dict[int, tuple[bytes, UUID | None, Veil | None]] = {}
        self._targets: list[Follower] = []
        self._payload = b""
        self._veil: Veil | None = None
        self._low = 0

    @property
    def empty(self) -> bool:
        return not self.live and not self.lagging

    @property
    def gap(self) -> bool:
        """Whether an event is known to exist that has not arrived."""
        return self.window is not None and self.known > self.window.last

    @property
    def has_news(self) -> bool:
        return bool(self._targets) or (self.window is not None and self.window.last > self.fanned)

    def settle(self, head: int) -> None:
        """Begin at `head`, read from the database after the first socket began to follow; later heads only count as
        spoken of.

        A departure up to `head` may be later than what told us that its user belongs here, so it is carried out.
        """
        self.known = max(self.known, head)
        if self.window is not None:
            return
        self.window = Window(head)
        self.fanned = head
        for seq in sorted(seq for seq in self._early if seq <= head):
            _, leaver, _ = self._early.pop(seq)
            if leaver is not None:
                self._left(self, leaver, seq)
        self._take_early()

    def offer(self, seq: int, frame: bytes, leaver: UUID | None = None, veil: Veil | None = None) -> None:
        """Take one event, whatever the order; repeats do nothing."""
        self.known = max(self.known, seq)
        if self.window is None or seq > self.window.last + 1:
            # Beyond the size of a window it is cheaper to read the gap and what follows it in one go.
            if len(self._early) < MOST_EVENTS:
                self._early[seq] = frame, leaver, veil
        elif seq == self.window.last + 1:
            self._push(self.window, frame, leaver, veil)
            self._take_early()

    def advance(self, most: int) -> int:
        """Write to at most `most` sockets, beginning a round when none runs. Returns how many were visited."""
        if not self._targets:
            self._begin()
        slice_, self._targets = self._targets[-most:], self._targets[:-most]
        payload, live, low = self._payload, self.live, self._low
        veil, missed = self._veil, 0
        for socket in slice_:
            if socket not in live:
                missed += 1
            elif socket.writable:
                socket.write(payload if veil is None or socket.feeds[self] <= veil.about else veil.frame)
            else:
                missed += 1
                socket.fall_behind(self, low)
        deliveries.n += (len(slice_) - missed) * (self.fanned - low)
        if not self._targets:
            self._end()
        return len(slice_)

    def _begin(self) -> None:
        window = self.window
        if window is None or window.last <= self.fanned:
            return
        low = self.fanned
        if low + 1 < window.first:
            self._skip_to(window.last)
            return
        self._payload, self.fanned = window.after(low, self._cut(window.last), MOST_WRITE)
        self._veil = self.veils.get(self.fanned) if self.veils else None
        self._low, self._targets = low, [*self.live]
        if self.starts:
            self._leave_out_newcomers()

    def _cut(self, last: int) -> int:
        """A round ends with the last event somebody may get, and goes singly while somebody may get only later ones."""
        if self.starts:
            return self.fanned + 1
        last = min(self.leavers, default=last) if self.leavers else last
        return self._before_veil(self.fanned, last) if self.veils else last

    def _before_veil(self, after: int, last: int) -> int:
        """Up to where events after `after` are the same for everybody; a veiled one stands alone."""
        first = min((seq for seq in self.veils if seq > after), default=last + 1)
        return min(last, max(first - 1, after + 1))

    def after(self, socket: "Follower", window: Window, cursor: int, goal: int) -> tuple[bytes, int]:
        """What this socket gets from the window after `cursor`, up to `goal` or sooner, and the seq of its end."""
        if not self.veils:
            return window.after(cursor, goal, MOST_WRITE)
        frames, reached = window.after(cursor, self._before_veil(cursor, goal), MOST_WRITE)
        veil = self.veils.get(reached)
        return (frames if veil is None or socket.feeds[self] <= veil.about else veil.frame), reached

    def _leave_out_newcomers(self) -> None:
        self._targets = [socket for socket in self._targets if self.starts.get(socket, 0) <= self.fanned]
        for socket in self._targets:
            self.starts.pop(socket, None)

    def _end(self) -> None:
        self._payload = b""
        if leaver := self.leavers.pop(self.fanned, None):
            self._left(self, leaver, self.fanned)

    def _skip_to(self, last: int) -> None:
        """Rounds were overtaken by more events than the window holds: everybody reads the database instead."""
        low, self.fanned = self.fanned, last
        overtaken = [(socket, max(low, self.starts.get(socket, 0) - 1)) for socket in self.live]
        for socket, cursor in overtaken:
            socket.fall_behind(self, cursor)
        for seq in sorted(self.leavers):
            self._left(self, self.leavers.pop(seq), seq)
        for socket, _ in overtaken:
            socket.pump()

    def _push(self, window: Window, frame: bytes, leaver: UUID | None, veil: Veil | None) -> None:
        window.push(frame)
        self.changed_at = time.monotonic()
        if self.veils:
            self.veils = {seq: old for seq, old in self.veils.items() if seq >= window.first}
        if veil is not None:
            self.veils[window.last] = veil
        if leaver is not None:
            self.leavers[window.last] = leaver

    def _take_early(self) -> None:
        window = self.window
        while window is not None and (waiting := self._early.pop(window.last + 1, None)):
            self._push(window, *waiting)

    def rest(self, since: float) -> None:
        """Let the window go if nothing has happened since then (`time.monotonic()`)."""
        if self.window is not None and self.changed_at < since and not self.has_news:
            self.window.clear()

    def cursor(self, socket: "Follower") -> int:
        """The last seq that this live socket has, or may not have."""
        return max(self.fanned, self.starts.get(socket, 0) - 1)

    def drop(self, socket: "Follower") -> None:
        """This socket follows no more. In the middle of a round, too: the round passes over it."""
        self.live.discard(socket)
        self.lagging.discard(socket)
        self.starts.pop(socket, None)
