"""What one client asks, carried out in the order in which it was asked.

Sends go to the writer one behind the other without waiting for each other's commit, and get their numbers in that
order. Anything else waits until the sends before it are stored, and is finished before the next begins. The session
reads the next frame only when this one has been taken, so a client that asks faster than it is answered fills its own
connection and not the server's memory.
"""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING

from core import doors
from core.actor import Actor
from core.doors import Receives
from core.errors import AppError, Invalid, RateLimited, Refused
from core.ids import uuid7
from core.shapes import Data
from realtime import draining, protocol, threads
from realtime.guard import Guard
from realtime.protocol import CloseCode, Request

if TYPE_CHECKING:
    from realtime.sockets import Socket

log = logging.getLogger(__name__)

MOST_SENDS = 32
"""Sends of one socket that may wait for their commit together."""


class Requests:
    """Of one authenticated socket."""

    __slots__ = ("_guard", "_sends", "_socket")

    def __init__(self, socket: "Socket", guard: Guard) -> None:
        self._socket, self._guard = socket, guard
        self._sends: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> bool:
        """Whether sends wait for their commit."""
        return bool(self._sends)

    async def take(self, actor: Actor, request: Request) -> None:
        """Answer, or begin to: a send is answered after its commit, by itself."""
        actor = replace(actor, request_id=str(uuid7()))
        declaration = None
        try:
            if request.error is not None:
                raise request.error
            declaration = doors.declared(request.event)
            draining.refuse()
            clean = declaration.admit(actor, request.data)
        except AppError as error:
            self._refuse(request.id, error, declaration)
        else:
            await self._perform(declaration, actor, request, clean)

    async def _perform(self, declaration: Receives, actor: Actor, request: Request, clean: Data) -> None:
        if not declaration.awaits:
            await self._until_at_most(0)
            await self._answer(declaration, actor, request, threads.run(_in_thread, declaration, actor, clean))
            return
        await self._until_at_most(MOST_SENDS - 1)
        answer = self._answer(declaration, actor, request, _on_loop(declaration, actor, clean))
        # Tasks begin in the order of their making, and a send reaches the writer before it first waits.
        task = asyncio.get_running_loop().create_task(answer)
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _until_at_most(self, most: int) -> None:
        while len(self._sends) > most:
            await asyncio.wait(self._sends, return_when=asyncio.FIRST_COMPLETED)

    async def _answer(self, declaration: Receives, actor: Actor, request: Request, work: Awaitable[Data]) -> None:
        with draining.working():
            try:
                reply = protocol.reply_frame(request.id, await work)
            except AppError as error:
                await self._turn_down(declaration, actor, request, error)
            except Exception as error:  # noqa: BLE001  a defect; of its text, which may quote a message, nothing is kept
                log.error("%s failed: %s", declaration.name, type(error).__name__)
                self._socket.close(CloseCode.DEFECT)
            else:
                self._guard.sensible()
                if request.id is not None:
                    self._socket.send(reply)

    async def _turn_down(self, declaration: Receives, actor: Actor, request: Request, error: AppError) -> None:
        if isinstance(error, Refused):
            try:
                await threads.run(doors.record_refusal, actor, declaration.name, error)
            except AppError as unrecorded:
                # A refusal that cannot be written down is not answered as one.
                error = unrecorded
        self._refuse(request.id, error, declaration)

    def _refuse(self, id_: str | None, error: AppError, declaration: Receives | None) -> None:
        self._socket.send(protocol.error_frame(id_, error))
        if isinstance(error, Invalid):
            if self._guard.mistaken():
                self._socket.close(CloseCode.BAD_FRAME)
            return
        self._guard.sensible()
        if isinstance(error, RateLimited) and declaration is not None and self._guard.floods(declaration.limit):
            self._socket.close(CloseCode.FLOOD)


def _in_thread(declaration: Receives, actor: Actor, clean: Data) -> Data:
    return declaration.answer(declaration.perform(actor, clean), actor)


async def _on_loop(declaration: Receives, actor: Actor, clean: Data) -> Data:
    return declaration.answer(await declaration.perform_awaiting(actor, clean), actor)
