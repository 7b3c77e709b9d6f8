"""One client, from its first frame to its end: who it is, what it may say, how long it may stay.

Knows frames and a socket, not the server behind them. `feed` takes one text frame after the other; `check` is called
when `due` has passed.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from core import limits
from core.actor import Actor
from core.errors import AppError, Invalid, RateLimited, TokenExpired, TokenRevoked, Unauthenticated, UnknownEvent
from core.time import now, wire_time
from encryption.models import installation
from realtime import protocol, threads, wiring
from realtime.catchup import CatchUp
from realtime.guard import Guard
from realtime.protocol import BadFrame, CloseCode, Control, Request
from realtime.requests import Requests
from realtime.resuming import Resume, catch_up_with, record_replay
from realtime.sockets import Socket
from realtime.vitals import Event, Vitals
from realtime.wiring import AccountDisabled, Ticket

R = TypeVar("R")

_LONGEST_OPENING = 10.0

_REASONS: list[tuple[type[AppError], CloseCode]] = [
    (TokenExpired, CloseCode.TOKEN_EXPIRED),
    (AccountDisabled, CloseCode.ACCOUNT_DISABLED),
    (TokenRevoked, CloseCode.SESSION_REVOKED),
    (Unauthenticated, CloseCode.NOT_AUTHENTICATED),
]


class Session:
    """Belongs to the event loop. `recognised` is called once, when the client has shown a good token."""

    __slots__ = (
        "_actor",
        "_address",
        "_catchup",
        "_epoch",
        "_expires_at",
        "_guard",
        "_opened_at",
        "_recognised",
        "_requests",
        "_taking",
        "_vitals",
        "due",
        "socket",
    )

    def __init__(self, socket: Socket, catchup: CatchUp, address: str, recognised: Callable[[], None]) -> None:
        self.socket = socket
        self._catchup, self._address, self._recognised = catchup, address, recognised
        self._guard = Guard()
        self._requests = Requests(socket, self._guard)
        self._actor: Actor | None = None
        self._vitals: Vitals | None = None
        self._expires_at: datetime | None = None
        self._epoch = ""
        self._taking = False
        socket.on_ping = self.pinged
        self.due = time.monotonic() + settings.AUTH_TIMEOUT
        """When `check` is to be called next (`time.monotonic()`)."""

    async def feed(self, text: str) -> None:
        """Take one frame. Returns when the next may come: a client that asks faster than it reads is not read."""
        self._taking = True
        try:
            await self._feed(text)
            await self.socket.room()
        finally:
            self._taking = False
            self._heard()

    async def open_with(self, token: str) -> None:
        """The client has shown its token in the handshake."""
        self._taking = True
        try:
            await self._open(token, None)
        finally:
            self._taking = False

    def pinged(self) -> bool:
        """A ping of the WebSocket layer. Counted like a frame; False when it is not to be answered."""
        self._heard()
        return self._within_rate()

    def check(self, moment: float) -> None:
        """Something may be due: close, warn or ask for a sign of life."""
        if self._vitals is None:
            if not self._taking:
                self.socket.close(CloseCode.NO_AUTH_IN_TIME)
            self.due = moment + settings.AUTH_TIMEOUT
            return
        if self._taking or not self.socket.writable:
            # Not silent: it waits for us, or reads what it was sent, which has a patience of its own.
            self._vitals.heard_at = moment
        self._vitals.used_at = max(self._vitals.used_at, self.socket.used_at())
        while not self.socket.closed and (event := self._vitals.pop(moment)):
            self._happen(event)
        self.due = self._vitals.due()

    def _happen(self, event: Event) -> None:
        if event is Event.EXPIRED:
            self.socket.close(CloseCode.TOKEN_EXPIRED)
        elif event is Event.SILENT:
            self._give_up()
        elif event is Event.AWAY:
            self.socket.hub.presence.rested(self.socket, idle=True)
        elif event is Event.IDLE:
            self.socket.close(CloseCode.IDLE)
        elif event is Event.EXPIRING and self._expires_at is not None:
            self._say({"type": "auth_expiring", "expiresAt": wire_time(self._expires_at)})
        elif event is Event.PING and self.socket.writable and self._vitals is not None:
            self._say({"type": "ping", "heads": self.socket.heads_since(self._vitals.pinged_at)})
            self._vitals.pinged_at = time.monotonic()

    def _give_up(self) -> None:
        self.socket.abort()
        if self.socket.session_id is not None and self._vitals is not None:
            self.socket.hub.presence.given_up(self.socket.session_id, self._vitals.heard_at)

    async def _feed(self, text: str) -> None:
        try:
            frame = protocol.parse(text)
        except BadFrame:
            self.socket.close(CloseCode.BAD_FRAME)
            return
        if not self._within_rate():
            if isinstance(frame, Request):
                self.socket.send(protocol.error_frame(frame.id, RateLimited(retry_after_ms=1000)))
        elif self._actor is None:
            await self._first(frame)
        elif isinstance(frame, Control):
            await self._control(self._actor, frame)
        else:
            if self._vitals is not None and self._vitals.asked():
                self.socket.hub.presence.rested(self.socket, idle=False)
                self.due = self._vitals.due()
            await self._requests.answer(self._actor, frame)

    async def _first(self, frame: Control | Request) -> None:
        if isinstance(frame, Control) and frame.type == "auth":
            await self._open(frame.body.get("token"), frame.body.get("resume"))
        else:
            self.socket.close(CloseCode.NOT_AUTHENTICATED)

    async def _control(self, actor: Actor, frame: Control) -> None:
        try:
            if frame.type in {"auth", "resume"}:
                # They read the database, so they count like requests.
                limits.enforce("REQUEST", actor.id)
            if frame.type == "auth":
                await self._renew(frame.body.get("token"))
            elif frame.type == "resume":
                await self._resume(actor, frame.body)
            elif frame.type == "ping":
                self._say({"type": "pong"})
            elif frame.type != "pong":
                raise UnknownEvent()
        except Invalid as error:
            self._complain(error)
        except AppError as error:
            self.socket.send(protocol.error_frame(None, error))

    async def _open(self, token: object, resume: object) -> None:
        """The first token: recognise the client, tell it so, replay what it missed, and let it live."""
        found = await self._read(_authenticate_and_look, token)
        if found is None or self.socket.closed:
            return
        ticket, visible = found
        actor = ticket.actor
        try:
            limits.enforce("CONNECTIONS_NEW", actor.id)
        except RateLimited:
            self.socket.close(CloseCode.FLOOD)
            return
        self._recognised()
        self.socket.hub.recognise(self.socket, actor.id, actor.session_id)
        try:
            async with asyncio.timeout(_LONGEST_OPENING):
                await self._subscribe(actor, visible)
        except (AppError, TimeoutError):
            self.socket.close(CloseCode.OVERLOADED)
        if not self.socket.closed:
            await self._begin(ticket, resume)
        if self.socket.live:
            self.socket.hub.presence.opened(self.socket, ticket.chosen)

    async def _renew(self, token: object) -> None:
        """A fresh token, which must be of the same person and the same session."""
        ticket = await self._read(wiring.authenticate, token)
        if ticket is None or self._actor is None or self._vitals is None:
            return
        if (ticket.actor.id, ticket.actor.session_id) != (self._actor.id, self._actor.session_id):
            self.socket.close(CloseCode.NOT_AUTHENTICATED)
            return
        self._actor, self._expires_at = ticket.actor, ticket.expires_at
        self._vitals.renew(ticket.expires_at)
        self.due = self._vitals.due()
        self.socket.send(self._hello())

    async def _read(self, reader: Callable[[str, str], R], token: object) -> R | None:
        """What `reader` says to a good token; for any other the socket is closed. While the database is away an open
        socket keeps its old token, and is told."""
        try:
            if not isinstance(token, str):
                raise Unauthenticated()
            return await threads.run(reader, token, self._address)
        except Unauthenticated as error:
            self.socket.close(next(code for kind, code in _REASONS if isinstance(error, kind)))
        except AppError as error:
            if self._actor is None:
                self.socket.close(CloseCode.OVERLOADED)
            else:
                self.socket.send(protocol.error_frame(None, error))
        return None

    async def _subscribe(self, actor: Actor, visible: dict[UUID, int]) -> None:
        """Follow first, ask what is true afterwards: what was committed before the question is in the answer, what is
        committed after it reaches a socket that follows already. New in the answer: follow that too, and ask again."""
        while not self.socket.closed:
            await self._catchup.known(self.socket.hub.subscribe(self.socket, visible))
            ended, visible, self._epoch = await threads.run(_read_standing, actor)
            if ended is not None:
                self.socket.close(ended)
            if self.socket.confirm(visible):
                return

    async def _begin(self, ticket: Ticket, resume: object) -> None:
        self._actor, self._expires_at = ticket.actor, ticket.expires_at
        self._vitals = Vitals(ticket.expires_at)
        self.due = self._vitals.due()
        try:
            wanted = None if resume is None else Resume.parse(resume)
        except Invalid as error:
            self.socket.begin(self._hello(), None, ())
            self._complain(error)
            return
        if wanted is not None and not await self._caught_up(wanted):
            return
        cursors, resyncs = (None, []) if wanted is None else wanted.plan(self.socket.feeds, self._epoch)
        try:
            if wanted is not None:
                resyncs += await wanted.lost(ticket.actor, self.socket.feeds)
            await record_replay(ticket.actor, self.socket.feeds, cursors or {})
        except AppError:
            self.socket.close(CloseCode.OVERLOADED)
        if not self.socket.closed:
            self.socket.begin(self._hello(), cursors, resyncs)

    async def _resume(self, actor: Actor, body: object) -> None:
        wanted = Resume.parse(body)
        await self.socket.replayed()
        if not await self._still_there(actor) or not await self._caught_up(wanted):
            return
        cursors, resyncs = wanted.plan(self.socket.feeds, self._epoch)
        resyncs += await wanted.lost(actor, self.socket.feeds)
        await record_replay(actor, self.socket.feeds, cursors)
        self.socket.replay(cursors, resyncs)

    async def _caught_up(self, wanted: Resume) -> bool:
        """False when this process could not learn in time what the client knows already, and the socket is closed."""
        try:
            async with asyncio.timeout(_LONGEST_OPENING):
                await catch_up_with(self.socket, wanted.cursors)
        except (AppError, TimeoutError):
            self.socket.close(CloseCode.OVERLOADED)
        return not self.socket.closed

    async def _still_there(self, actor: Actor) -> bool:
        """Before anything is shown again: the session lives, and what the person no longer sees is let go."""
        followed = [*self.socket.feeds]
        ended, visible, self._epoch = await threads.run(_read_standing, actor)
        if ended is not None:
            self.socket.close(ended)
        for feed in followed:
            if feed.id not in visible:
                self.socket.hub.take_away(self.socket, feed)
        return ended is None

    def _hello(self) -> bytes:
        return protocol.encode(
            {
                "type": "auth_success",
                "user_id": self.socket.user_id,
                "sessionId": self.socket.session_id,
                "epoch": self._epoch,
                "heartbeatMs": int(settings.HEARTBEAT * 1000),
                "serverTime": wire_time(now()),
            }
        )

    def _complain(self, error: Invalid) -> None:
        self.socket.send(protocol.error_frame(None, error))
        if self._guard.mistaken():
            self.socket.close(CloseCode.BAD_FRAME)

    def _within_rate(self) -> bool:
        if self._guard.frame():
            return True
        if self._guard.floods("FRAMES"):
            self.socket.close(CloseCode.FLOOD)
        return False

    def _heard(self) -> None:
        if self._vitals is not None:
            self._vitals.heard_at = time.monotonic()

    def _say(self, body: dict[str, object]) -> None:
        self.socket.send(protocol.encode(body))


def _authenticate_and_look(token: str, address: str) -> tuple[Ticket, dict[UUID, int]]:
    """In a database thread: who this is, and what they may see as of now."""
    ticket = wiring.authenticate(token, address)
    return ticket, wiring.visible_streams(ticket.actor.id)


def _read_standing(actor: Actor) -> tuple[CloseCode | None, dict[UUID, int], str]:
    """In a database thread: why the session has ended, if it has; what the person may see; which database this is."""
    ended = wiring.ended_sessions([actor.session_id]) if actor.session_id is not None else {}
    codes = [CloseCode(code) for code in ended.values()]
    return (codes[0] if codes else None), wiring.visible_streams(actor.id), str(installation().epoch)
