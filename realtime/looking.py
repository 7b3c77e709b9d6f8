"""Who looks at which conversation: what a client has said it shows on a screen right now.

A view belongs to one socket. It ends when the client says so, with the socket, and at once when the socket's user no
longer belongs to the conversation. Those who look hear who is typing (`typists`). The other processes learn that
somebody looks from a lease (`leases`), which a person holds from the first of their views here to the last.

What is looked at is kept here and not on the sockets: most sockets are idle, and cost nothing that way.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from realtime.leases import Leases

if TYPE_CHECKING:
    from realtime.following import Follower
    from realtime.hub import Hub

K = TypeVar("K")
V = TypeVar("V")

_KIND = "view"


class Views:
    """Those of one hub. Belongs to the event loop."""

    def __init__(self, hub: "Hub", leases: Leases) -> None:
        self._hub, self._leases = hub, leases
        self._sockets: dict[UUID, set[Follower]] = {}
        self._streams: dict[Follower, set[UUID]] = {}

    def look(self, user_id: UUID, connection_id: UUID | None, stream_ids: Iterable[UUID]) -> None:
        """This person's connection looks at these streams. A repeat does nothing, nor does one that is closed.

        Whether they belong there was asked before, and may have changed since: `audience` looks again.
        """
        for socket in self._connection(user_id, connection_id):
            for stream_id in stream_ids:
                self._leases.hold(_KIND, stream_id, user_id)
                self._sockets.setdefault(stream_id, set()).add(socket)
                self._streams.setdefault(socket, set()).add(stream_id)

    def look_away(self, user_id: UUID, connection_id: UUID | None, stream_id: UUID) -> None:
        """It looks at this stream no more."""
        for socket in self._connection(user_id, connection_id):
            self.end(socket, stream_id)

    def end(self, socket: "Follower", stream_id: UUID) -> None:
        """It looks at this stream no more. Does nothing when it did not."""
        if stream_id not in self._streams.get(socket, ()):
            return
        _take_out(self._streams, socket, stream_id)
        _take_out(self._sockets, stream_id, socket)
        user_id = socket.user_id
        if user_id is not None and all(other.user_id != user_id for other in self._sockets.get(stream_id, ())):
            self._leases.drop(_KIND, stream_id, user_id)

    def gone(self, socket: "Follower") -> None:
        """The socket is closed: it looks at nothing any more."""
        for stream_id in [*self._streams.get(socket, ())]:
            self.end(socket, stream_id)

    def users(self, stream_id: UUID) -> set[UUID]:
        """Whose sockets look at the stream, in all processes, as far as is known here. From any thread."""
        return {*self._leases.held(_KIND, stream_id)}

    def audience(self, stream_id: UUID, head: int) -> "list[Follower] | None":
        """The sockets that look at the stream, of those who belong to it as of event `head`; None while this process
        has not got that far and may not know who has left."""
        feed = self._hub.feeds.get(stream_id)
        if feed is None:
            return []
        if feed.window is None or feed.fanned < head or feed.leavers:
            return None
        return [socket for socket in self._sockets.get(stream_id, ()) if socket.belongs(feed)]

    def _connection(self, user_id: UUID, connection_id: UUID | None) -> "list[Follower]":
        return [socket for socket in self._hub.sockets_of(user_id) if socket.id == connection_id]


def _take_out(index: dict[K, set[V]], key: K, value: V) -> None:
    index[key].discard(value)
    if not index[key]:
        del index[key]
