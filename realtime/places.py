"""How many sockets one person may have: ten, in all processes together, and the one too many closes the oldest.

Each socket holds a place as a lease, so every process knows all of a person's and when they opened. Each finds the same
ones too old and closes those that are its own. What is not yet heard of is not yet counted: for a moment a person who
opens many in several processes at once can have more. Places of a process that died count until their leases end.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from core.time import now, wire_time
from realtime.leases import Leases
from realtime.protocol import CloseCode

if TYPE_CHECKING:
    from realtime.sockets import Socket

_KIND = "socket"


class Places:
    """Those of one process. Belongs to the event loop. `sockets_of` names the sockets that a person has here."""

    def __init__(self, leases: Leases, sockets_of: "Callable[[UUID], Iterable[Socket]]") -> None:
        self._leases, self._sockets_of = leases, sockets_of
        leases.on_change(_KIND, self._make_room)

    def take(self, socket: "Socket", user_id: UUID) -> None:
        """The socket is this person's from now on; their oldest closes if it is one too many."""
        self._leases.hold(_KIND, user_id, socket.id, wire_time(now()))
        self._make_room(user_id)

    def give_back(self, socket: "Socket") -> None:
        """The socket is gone, whether it had a place or not."""
        if socket.user_id is not None:
            self._leases.drop(_KIND, socket.user_id, socket.id)

    def _make_room(self, user_id: UUID) -> None:
        if len(self._leases.values(_KIND, user_id)) <= settings.CONNECTIONS_PER_USER:
            return
        by_age = sorted((opened, id_) for id_, opened in self._leases.held(_KIND, user_id).items())
        too_old = {id_ for _, id_ in by_age[: -settings.CONNECTIONS_PER_USER]}
        for socket in [one for one in self._sockets_of(user_id) if one.id in too_old]:
            socket.close(CloseCode.SUPERSEDED)
