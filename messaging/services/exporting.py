"""Taking one's own data along."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from accounts import querysets as people
from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import AppError, TokenRevoked
from core.time import now
from messaging.export.archive import zipped
from messaging.export.contents import members
from messaging.export.fetching import Fetch
from realtime import threads

log = logging.getLogger(__name__)


class Export:
    """Somebody's data as the parts of a zip, each made when it is asked for, in a thread that is given back afterwards;
    what lies in the storage is fetched in threads that nobody else waits for.

    Only while their session lives. When that ends, or the database is away for too long, or the storage, the parts end
    too: such a zip has no directory, and no program opens it.
    """

    def __init__(self, actor: Actor, leave: Callable[[], object]) -> None:
        self._actor, self._leave = actor, leave
        self._parts = zipped(members(actor), now())
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            part = await self._part()
        except AppError as error:
            log.warning("somebody's export was cut off (%s)", type(error).__name__)
            part = None
        if part is None:
            raise StopAsyncIteration
        return part

    async def _part(self) -> bytes | None:
        """The next part with something in it, None behind the last."""
        while True:
            part = await threads.run(self._next)
            if isinstance(part, Fetch):
                await part.done()
            elif part != b"":
                return part

    def close(self) -> None:
        """Let go of what has not been asked for, and of the place; on the event loop."""
        self._is_closed = True
        self._close_parts()
        self._leave()

    def _close_parts(self) -> None:
        with suppress(ValueError):  # A thread is just making a part, and sees it afterwards.
            self._parts.close()

    def _next(self) -> bytes | Fetch | None:
        """The next part, or what has to be fetched for it, None behind the last; raises TokenRevoked, or what else has
        become of the session."""
        session = None if self._actor.session_id is None else people.session_with_user(self._actor.session_id)
        if session is None:
            raise TokenRevoked()
        people.require_live(session)
        part = next(self._parts, None)
        if self._is_closed:
            self._close_parts()
        return part


def _nothing() -> None:
    """What there is to leave where no place was taken."""


async def export_data(*, actor: Actor, leave: Callable[[], object] = _nothing) -> Export:
    """What the server keeps that is the actor's to see; recorded before it begins. `leave` is called when it is closed:
    it gives back the place the export was given (`messaging.export.places`). It bears repeats."""
    await writer.store(EntryDraft("data.exported", actor, object_id=actor.id))
    return Export(actor, leave)
