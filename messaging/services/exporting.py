"""Taking one's own data along."""

import logging
from contextlib import suppress
from typing import Self

from accounts import querysets as people
from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import AppError, TokenRevoked
from core.time import now
from messaging.export.archive import zipped
from messaging.export.contents import files
from realtime import threads

log = logging.getLogger(__name__)


class Export:
    """Somebody's data as the parts of a zip, each made when it is asked for, in a thread that is given back afterwards.

    Only while their session lives. When that ends, or the database is away for too long, the parts end too: such a zip
    has no directory, and no program opens it.
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._parts = zipped(files(actor), now())
        self._is_closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part: bytes | None = b""
        try:
            while part == b"":
                part = await threads.run(self._next)
        except AppError as error:
            log.warning("somebody's export was cut off (%s)", type(error).__name__)
            part = None
        if part is None:
            raise StopAsyncIteration
        return part

    def close(self) -> None:
        """Let go of what has not been asked for."""
        self._is_closed = True
        with suppress(ValueError):  # A thread is just making a part, and sees it afterwards.
            self._parts.close()

    def _next(self) -> bytes | None:
        """The next part, None behind the last; raises TokenRevoked, or what else has become of the session."""
        session = None if self._actor.session_id is None else people.session_with_user(self._actor.session_id)
        if session is None:
            raise TokenRevoked()
        people.require_live(session)
        part = next(self._parts, None)
        if self._is_closed:
            self.close()
        return part


async def export_data(*, actor: Actor) -> Export:
    """What the server keeps that is the actor's to see; recorded before it begins."""
    await writer.store(EntryDraft("data.exported", actor, object_id=actor.id))
    return Export(actor)
