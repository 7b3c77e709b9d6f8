"""Who is there: what each device says of its user, what follows for the user, and who is told.

A device is a session. It is as its user chose (`online` unless they chose something else), and `away` while nobody has
said anything on any of its sockets for AWAY_AFTER. What a device says is a lease (`leases`), so every process knows it;
a user is the first of busy, online, away, offline that one of their devices is, and offline without any.

A device whose last socket closes has RECONNECT_GRACE to come back before anybody hears of it. One that was silent until
it was given up has had its time, and what a process that died has left behind ends with its leases. Whoever lets go of
somebody's last device writes down when they were last seen, first, and everybody else hears it then.

Clients are told of the people they subscribed to, and only as long as they may: at each change the database is asked
(`wiring.presence_of`), once for all who subscribed here. Nothing of what people write about themselves is in a lease.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from core.errors import AppError, Invalid
from core.time import now
from realtime import protocol, threads, wiring
from realtime.leases import Leases, Lost
from realtime.outlet import Outlet

if TYPE_CHECKING:
    from realtime.sockets import Socket

log = logging.getLogger(__name__)

EVENT = "presence:update"

TICK = 0.5
BREATH = 0.05
"""Seconds. What changes together is looked at together."""

MOST_WATCHED = 1000
"""How many people one connection can be subscribed to."""

Teller = Callable[[Sequence[Outlet], bytes], None]

KIND = "presence"
"""Of the leases."""
_MARGIN = 5.0
"""Seconds. A process that is alive ends what it let fade by its word; the others wait that much longer for it."""


class Status(StrEnum):
    """What somebody may choose to be, the one that counts most first."""

    BUSY = "busy"
    ONLINE = "online"
    AWAY = "away"
    OFFLINE = "offline"


def first_of(statuses: Iterable[str]) -> Status:
    """What somebody is whose devices are all this."""
    said = set(statuses)
    return next((status for status in Status if status in said), Status.OFFLINE)


@dataclass(slots=True)
class _Leaving:
    """A device without a socket here. `seen_at`, `due_at`: `time.monotonic()`."""

    user_id: UUID
    seen_at: float
    due_at: float


@dataclass(slots=True)
class _Watched:
    """Somebody whom sockets of this process subscribed to. `told`: what they were last told."""

    told: Status
    sockets: set["Socket"] = field(default_factory=set)


class Presence:
    """As one process sees it. Belongs to the event loop; what somebody is may be asked from any thread."""

    def __init__(self, leases: Leases, sessions: "Mapping[UUID, Sequence[Socket]]", tell: Teller) -> None:
        """`sessions`: which sockets of this process belong to which session, kept up to date by whoever owns it.
        `tell` writes a frame to sockets, a few at a time."""
        self._leases, self._sessions, self._write = leases, sessions, tell
        self._leaving: dict[UUID, _Leaving] = {}
        self._watched: dict[UUID, _Watched] = {}
        self._watching: dict[Socket, set[UUID]] = {}
        self._changed: dict[UUID, None] = {}
        self._described: set[UUID] = set()
        self._last_seen: dict[UUID, datetime] = {}
        self._wake = asyncio.Event()
        leases.on_change(KIND, self._noticed)
        leases.on_loss(KIND, self._lost)

    def begin(self) -> None:
        """From now on `run` is about to run, perhaps on another loop than before."""
        self._wake = asyncio.Event()

    # What somebody is, in all processes.

    def status(self, user_id: UUID) -> Status:
        return first_of(self._leases.values(KIND, user_id))

    def status_elsewhere(self, user_id: UUID, session_id: UUID | None) -> Status:
        """What somebody is without this device."""
        held = self._leases.held(KIND, user_id)
        return first_of(value for holder, value in held.items() if holder != session_id)

    # Devices of this process.

    def opened(self, socket: "Socket", chosen: str) -> None:
        """The socket is live; when it began to open its user had chosen this on its device."""
        if not socket.closed and socket.user_id is not None and socket.session_id is not None:
            socket.chosen = socket.chosen or Status(chosen)
            self._settle(socket.user_id, socket.session_id)

    def chose(self, user_id: UUID, session_id: UUID, status: str) -> None:
        """The user chose this on that device, wherever it is connected."""
        for socket in self._sessions.get(session_id, ()):
            socket.chosen = Status(status)
        if not self._settle(user_id, session_id):
            # It is elsewhere by now, or nowhere: what it was here is not to stand beside what it chose.
            self._hurry(session_id)

    def rested(self, socket: "Socket", *, idle: bool) -> None:
        """Nobody has said anything on this socket for AWAY_AFTER, or somebody has again."""
        socket.idle = idle
        if socket.user_id is not None and socket.session_id is not None:
            self._settle(socket.user_id, socket.session_id)

    def closed(self, socket: "Socket") -> None:
        """The socket is gone, and what it subscribed to with it."""
        self._unwatch(socket, [*self._watching.get(socket, ())])
        if socket.user_id is None or socket.session_id is None or not (socket.live and socket.chosen):
            return
        if not self._settle(socket.user_id, socket.session_id):
            self._leave(socket.user_id, socket.session_id, socket.chosen)

    def given_up(self, session_id: UUID, seen_at: float) -> None:
        """The last socket of this device was closed because nothing has been heard of it since then: it has had its
        time."""
        if session_id in self._leaving:
            self._leaving[session_id].seen_at = seen_at
            self._hurry(session_id)

    def described(self, user_id: UUID) -> None:
        """The user says something else of themselves: who subscribed is told, whatever they were told before."""
        if user_id in self._watched:
            self._described.add(user_id)
            self._noticed(user_id)

    # Subscriptions.

    def watch(self, session_id: UUID | None, connection_id: UUID | None, user_ids: Collection[UUID]) -> None:
        """From now on this connection is told when one of these people changes. A repeat does nothing, nor does one
        that is closed. Raises Invalid when it would be subscribed to more than MOST_WATCHED."""
        for socket in self._connection(session_id, connection_id):
            if len(self._watching.get(socket, set()).union(user_ids)) > MOST_WATCHED:
                raise Invalid(f"A connection can be subscribed to {MOST_WATCHED} people.")
            for user_id in user_ids:
                self._watched.setdefault(user_id, _Watched(self.status(user_id))).sockets.add(socket)
                self._watching.setdefault(socket, set()).add(user_id)

    def unwatch(self, session_id: UUID | None, connection_id: UUID | None, user_ids: Iterable[UUID]) -> None:
        """No longer. Does nothing for whom it did not subscribe to."""
        for socket in self._connection(session_id, connection_id):
            self._unwatch(socket, user_ids)

    def watched_by(self, session_id: UUID | None, connection_id: UUID | None) -> Collection[UUID]:
        """Whom this connection is subscribed to."""
        return [one for socket in self._connection(session_id, connection_id) for one in self._watching.get(socket, ())]

    def _connection(self, session_id: UUID | None, connection_id: UUID | None) -> "list[Socket]":
        sockets = self._sessions.get(session_id, ()) if session_id is not None else ()
        return [socket for socket in sockets if socket.id == connection_id]

    def _unwatch(self, socket: "Socket", user_ids: Iterable[UUID]) -> None:
        mine = self._watching.get(socket, set())
        for user_id in mine.intersection(user_ids):
            mine.discard(user_id)
            watched = self._watched[user_id]
            watched.sockets.discard(socket)
            if not watched.sockets:
                del self._watched[user_id]
        if not mine:
            self._watching.pop(socket, None)

    # What follows.

    async def run(self) -> None:
        """Let go of devices that did not come back, and tell who subscribed, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._wake.wait()
            await asyncio.sleep(BREATH)
            self._wake.clear()
            try:
                await self.catch_up(time.monotonic())
            except AppError as error:
                log.warning("who is there could not be told, and is told later: %s", error.code)
                await asyncio.sleep(TICK)

    async def catch_up(self, moment: float) -> None:
        """Do what is due. Raises DatabaseUnavailable; what is left is done with the next call."""
        due = [session_id for session_id, leaving in self._leaving.items() if leaving.due_at <= moment]
        try:
            await self._write_last_seen(due)
        finally:
            # Who is gone is gone, also while it cannot be written down.
            for session_id in due:
                self._let_go(session_id, moment)
        for user_id in [*self._changed]:
            del self._changed[user_id]
            try:
                await self._tell(user_id)
            except AppError:
                self._changed[user_id] = None
                raise

    async def stop(self) -> None:
        """The process goes, and does not wait for those that may come back elsewhere. They have been seen until now."""
        try:
            await self._write_last_seen([*self._leaving])
        except AppError as error:
            log.warning("when people were last seen was not written down: %s", error.code)

    def _settle(self, user_id: UUID, session_id: UUID) -> bool:
        """Say what this device is; False when no socket of it is live."""
        sockets = [socket for socket in self._sessions.get(session_id, ()) if socket.live and socket.chosen]
        if sockets:
            self._leaving.pop(session_id, None)
            chosen = sockets[-1].chosen
            idle = chosen == Status.ONLINE and all(socket.idle for socket in sockets)
            self._leases.hold(KIND, user_id, session_id, Status.AWAY if idle else chosen)
        return bool(sockets)

    def _leave(self, user_id: UUID, session_id: UUID, chosen: str) -> None:
        if chosen == Status.OFFLINE:
            # Nobody knew that it was here: nobody is to see that it goes.
            self._leases.drop(KIND, user_id, session_id)
            return
        moment = time.monotonic()
        self._leaving[session_id] = _Leaving(user_id, moment, moment + settings.RECONNECT_GRACE)
        self._leases.fade(KIND, user_id, session_id, settings.RECONNECT_GRACE + _MARGIN)

    def _hurry(self, session_id: UUID) -> None:
        if session_id in self._leaving:
            self._leaving[session_id].due_at = 0.0
            self._wake.set()

    def _let_go(self, session_id: UUID, moment: float) -> None:
        """Unless it has come back meanwhile, and perhaps gone again."""
        leaving = self._leaving.get(session_id)
        if leaving is not None and leaving.due_at <= moment:
            del self._leaving[session_id]
            self._leases.drop(KIND, leaving.user_id, session_id)

    def _noticed(self, user_id: UUID) -> None:
        if user_id in self._watched:
            self._changed[user_id] = None
            self._wake.set()

    def _lost(self, lost: Lost) -> None:
        """A process has died: whoever notices writes down when its people were last seen."""
        if lost.value != Status.OFFLINE:
            self._seen_until(lost.key, lost.age)
            self._wake.set()

    def _seen_until(self, user_id: UUID, age: float) -> None:
        moment = now() - timedelta(seconds=age)
        self._last_seen[user_id] = max(moment, self._last_seen.get(user_id, moment))

    async def _write_last_seen(self, leaving: Collection[UUID]) -> None:
        for session_id in leaving:
            device = self._leaving[session_id]
            self._seen_until(device.user_id, time.monotonic() - device.seen_at)
        gone = {user: moment for user, moment in self._last_seen.items() if self._is_gone(user, leaving)}
        self._last_seen = {}
        if gone:
            try:
                await threads.run(wiring.last_seen, gone)
            except AppError:
                self._last_seen = gone | self._last_seen
                raise

    def _is_gone(self, user_id: UUID, leaving: Collection[UUID]) -> bool:
        """Whether nothing is left of somebody but devices that do not come back."""
        held = self._leases.held(KIND, user_id)
        return first_of(value for holder, value in held.items() if holder not in leaving) == Status.OFFLINE

    async def _tell(self, user_id: UUID) -> None:
        watched, status = self._watched.get(user_id), self.status(user_id)
        if watched is None or (watched.told == status and user_id not in self._described):
            return
        asking = {socket.user_id for socket in watched.sockets if socket.user_id is not None}
        data, allowed = await threads.run(wiring.presence_of, user_id, status, asking)
        watched.told = status
        self._described.discard(user_id)
        sockets = [socket for socket in watched.sockets if socket.user_id in allowed]
        if sockets:
            self._write(sockets, protocol.event_frame(EVENT, data))
