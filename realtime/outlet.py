"""The outgoing side of one connection: what is said to one client, and what becomes of a client that does not read."""

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from core import measuring
from core.ids import uuid7
from realtime import protocol
from realtime.mailbox import Flag
from realtime.protocol import CloseCode
from realtime.wires import Wire

if TYPE_CHECKING:
    from realtime.hub import Hub

MOST_EPHEMERAL = 64

_closed = measuring.counter("connections_closed", "Sockets that the server closed, by close code.", "code")


class Outlet:
    """Belongs to the event loop, like everything it knows. A closed one does nothing any more.

    `Socket` adds the streams.
    """

    __slots__ = (
        "_ephemeral",
        "_id",
        "_low_mark",
        "_room",
        "_wire",
        "choked_since",
        "chosen",
        "closed",
        "hub",
        "idle",
        "live",
        "on_ping",
        "session_id",
        "told_at",
        "user_id",
        "writable",
        "write",
    )

    def __init__(self, hub: "Hub", wire: Wire) -> None:
        self.hub = hub
        self._wire = wire
        self.write = wire.write
        """Writes joined frames whatever the state: for those who have looked at it."""
        self._id: UUID | None = None
        self.user_id: UUID | None = None
        self.session_id: UUID | None = None
        self.chosen = ""
        """What its user chose to be on this device (`presence.Status`); empty until that is known."""
        self.idle = False
        """Whether nobody has said anything here for a while."""
        self.writable = True
        """Whether the connection's buffer has room."""
        self.live = False
        """Whether the client has been told that it is authenticated; no event goes out before that."""
        self.closed = False
        self.told_at = 0.0
        """When it last got an ephemeral event."""
        self.on_ping: Callable[[], bool] | None = None
        """Asked whether a ping of the WebSocket layer is to be answered."""
        self._ephemeral: deque[bytes] | None = None
        self._room: Flag | None = None
        self._low_mark = 0
        self.choked_since = 0.0
        """When its buffer was last seen to shrink (`time.monotonic()`)."""
        wire.watch(self)

    @property
    def id(self) -> UUID:
        """Which connection this is. Made when it is first asked for: an idle one needs none."""
        if self._id is None:
            self._id = uuid7()
        return self._id

    def send(self, frame: bytes) -> None:
        """A reply or a control frame. Never held back: there are only as many as the client has asked for."""
        if not self.closed:
            self.write(frame)

    def tell(self, frame: bytes) -> None:
        """An ephemeral event. While the client does not read at most 64 wait, and the oldest go first."""
        self.told_at = time.monotonic()
        if self.live and self.writable:
            self.send(frame)
        elif not self.closed:
            if self._ephemeral is None:
                self._ephemeral = deque(maxlen=MOST_EPHEMERAL)
            self._ephemeral.append(frame)

    def close(self, code: CloseCode) -> None:
        """Say why and close; nothing is sent afterwards. A repeat does nothing."""
        if not self.closed:
            self._end()
            self._wire.close(code)
            _closed.inc(str(int(code)))

    def revoke(self, code: CloseCode) -> None:
        """Close because the session or the account has ended."""
        if self.live and self.writable:
            self.send(protocol.event_frame("session:revoked", {"sessionId": self.session_id}))
        self.close(code)

    def abort(self) -> None:
        """End the connection without a word: nobody listens any more."""
        self._end()
        self._wire.abort()

    def paused(self) -> None:
        """The connection's buffer is full."""
        if not self.closed:
            self.writable = False
            self._low_mark, self.choked_since = self._wire.buffered(), time.monotonic()
            self.hub.choked.add(self)

    def resumed(self) -> None:
        """The connection's buffer has room again."""
        self.writable = True
        self.hub.choked.discard(self)
        self._wake()
        self.pump()

    def lost(self) -> None:
        """The connection is gone."""
        self._end()

    def pinged(self) -> bool:
        """Whether this ping is to be answered."""
        return self.on_ping is None or self.on_ping()

    async def room(self) -> None:
        """Wait until the client has read enough of what it was sent, or is gone."""
        while not self.writable and not self.closed:
            self._room = Flag()
            await self._room.wait()

    def check_stall(self, moment: float, longest: float) -> None:
        """Drop a choked client whose buffer has not shrunk for `longest` seconds, or that lags too far.

        A stalled client would not read a close frame either, so it gets none; one that only lags may.
        """
        buffered = self._wire.buffered()
        if buffered < self._low_mark:
            self._low_mark, self.choked_since = buffered, moment
        elif moment - self.choked_since >= longest:
            self.abort()
        if self.lags_too_far():
            self.close(CloseCode.TOO_SLOW)

    def pump(self) -> None:
        """Bring the client forward in its streams, as far as its connection takes it now."""
        raise NotImplementedError

    def lags_too_far(self) -> bool:
        raise NotImplementedError

    def gone(self) -> None:
        """Closed, or the connection is lost: let go of everything."""
        raise NotImplementedError

    def flush_ephemeral(self) -> None:
        while self._ephemeral and self.writable:
            self.write(self._ephemeral.popleft())
        if not self._ephemeral:
            self._ephemeral = None

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self.on_ping = None
            self.gone()
            self._wake()

    def _wake(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
