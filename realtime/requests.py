"""What one client asks, carried out one after the other, in the order in which it was asked.

So the order of a client's sends is the order of their numbers, and a client that asks faster than it is answered, or
does not read its answers, fills its own connection and not the server's memory: the next frame is read when this one
has been answered and the answer has found room.
"""

import logging
from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars

from core import doors, outcomes
from core.actor import Actor
from core.doors import Receives
from core.errors import AppError, Invalid, RateLimited, Refused
from core.ids import uuid7
from core.measuring import OTHER
from core.shapes import Data
from realtime import draining, protocol, threads
from realtime.guard import Guard
from realtime.protocol import CloseCode, Request

if TYPE_CHECKING:
    from realtime.sockets import Socket

log = logging.getLogger(__name__)


class Requests:
    """Of one authenticated socket."""

    __slots__ = ("_guard", "_socket")

    def __init__(self, socket: "Socket", guard: Guard) -> None:
        self._socket, self._guard = socket, guard

    async def answer(self, actor: Actor, request: Request) -> None:
        """Admit, perform, reply. Returns when that is done, with everything committed."""
        actor = replace(actor, request_id=str(uuid7()), connection_id=self._socket.id)
        # Whatever is logged on behalf of this request, in whichever thread, names it.
        bind_contextvars(request_id=actor.request_id)
        declaration = None
        try:
            if request.error is not None:
                raise request.error
            declaration = doors.declared(request.event)
            draining.refuse()
            clean = declaration.admit(actor, request.data)
        except AppError as error:
            if declaration is None:
                outcomes.refused(OTHER, error)
            self._refuse(request.id, error, declaration)
            return
        perform = _on_loop if declaration.awaits else _in_thread
        with draining.working():
            await self._reply(declaration, actor, request, perform(declaration, actor, clean))

    async def _reply(self, declaration: Receives, actor: Actor, request: Request, work: Awaitable[Data]) -> None:
        try:
            reply = protocol.reply_frame(request.id, await work)
        except AppError as error:
            self._refuse(request.id, await _recorded(declaration, actor, error), declaration)
        except Exception as error:  # noqa: BLE001  a defect; of its text, which may quote a message, nothing is kept
            outcomes.defects.inc()
            log.error("%s failed: %s", declaration.name, type(error).__name__)
            self._socket.close(CloseCode.DEFECT)
        else:
            self._guard.sensible()
            if request.id is not None:
                self._socket.send(reply)

    def _refuse(self, id_: str | None, error: AppError, declaration: Receives | None) -> None:
        self._socket.send(protocol.error_frame(id_, error))
        if isinstance(error, Invalid):
            if self._guard.mistaken():
                self._socket.close(CloseCode.BAD_FRAME)
            return
        self._guard.sensible()
        if isinstance(error, RateLimited) and declaration is not None and self._guard.floods(declaration.limit):
            self._socket.close(CloseCode.FLOOD)


async def _recorded(declaration: Receives, actor: Actor, error: AppError) -> AppError:
    """The error to answer with: a refusal that cannot be written down is not answered as one."""
    if isinstance(error, Refused):
        try:
            return await threads.run(doors.recorded, actor, declaration.name, error)
        except AppError as unrecorded:
            return unrecorded
    return error


async def _in_thread(declaration: Receives, actor: Actor, clean: Data) -> Data:
    return await threads.run(lambda: declaration.answer(declaration.perform(actor, clean), actor))


async def _on_loop(declaration: Receives, actor: Actor, clean: Data) -> Data:
    return declaration.answer(await declaration.perform_awaiting(actor, clean), actor)
