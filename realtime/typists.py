"""Who is typing where, and what those who look at the conversation are told of it.

A client says that its user types, again and again, and perhaps that they have stopped. Every process hears all of these
signs (by pokes) and decides for those who look there: at most one `isTyping: true` in three seconds for each person and
conversation, and one `false` when they stop, send what they typed, leave, or have given no sign for three seconds,
also because the process that took the signs is gone. Nothing of it is stored.
"""

import math
import time
from collections.abc import Callable, Iterable
from uuid import UUID

from django.conf import settings

from realtime import protocol
from realtime.outlet import Outlet

MOST = 10_000
"""Further people type unseen until some have stopped: it is a hint, and must not cost memory without end."""

Audience = Callable[[UUID, int], Iterable[Outlet] | None]
"""Who is told about a stream, as of its event of that number; None while this process has not got that far, so that it
does not know yet who has left."""


class _Typist:
    """One person in one conversation: when they gave a sign, and what was told when."""

    __slots__ = ("head", "heard_at", "shown", "told_at")

    def __init__(self) -> None:
        self.head = 0
        self.heard_at = self.told_at = -math.inf
        self.shown = False


class Typists:
    """Those this process has heard of. Belongs to the event loop; `types` may be asked from any thread."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._typists: dict[tuple[UUID, UUID], _Typist] = {}

    def types(self, stream_id: UUID, user_id: UUID) -> bool:
        """Whether this person has given a sign lately, and not stopped since."""
        typist = self._typists.get((stream_id, user_id))
        return typist is not None and typist.heard_at > -math.inf

    def hear(self, stream_id: UUID, user_id: UUID, is_typing: bool, head: int) -> None:
        """They gave a sign that they type, or stopped, when `head` was the last event of the stream."""
        typist = self._typist(stream_id, user_id, is_typing)
        if typist is not None:
            moment = time.monotonic()
            typist.heard_at = moment if is_typing else -math.inf
            typist.head = max(typist.head, head)
            self._bring_up_to_date(stream_id, user_id, typist, moment)

    def tick(self, moment: float) -> None:
        """Say what is due (`time.monotonic()`): called several times a second."""
        for (stream_id, user_id), typist in [*self._typists.items()]:
            self._bring_up_to_date(stream_id, user_id, typist, moment)

    def clear(self) -> None:
        self._typists.clear()

    def __len__(self) -> int:
        return len(self._typists)

    def _typist(self, stream_id: UUID, user_id: UUID, is_typing: bool) -> _Typist | None:
        typist = self._typists.get((stream_id, user_id))
        if typist is None and is_typing and len(self._typists) < MOST:
            typist = self._typists[stream_id, user_id] = _Typist()
        return typist

    def _bring_up_to_date(self, stream_id: UUID, user_id: UUID, typist: _Typist, moment: float) -> None:
        types = moment - typist.heard_at < settings.TYPING_FADE
        rested = moment - typist.told_at >= settings.TYPING_FADE
        if types and rested:
            if self._tell(stream_id, user_id, typist.head, is_typing=True):
                typist.shown, typist.told_at = True, moment
        elif typist.shown and not types:
            typist.shown = self._tell(stream_id, user_id, typist.head, is_typing=False) is None
        if rested and not types and not typist.shown:
            del self._typists[stream_id, user_id]

    def _tell(self, stream_id: UUID, user_id: UUID, head: int, *, is_typing: bool) -> int | None:
        """How many sockets were told; None when it cannot be said yet."""
        audience = self._audience(stream_id, head)
        if audience is None:
            return None
        others = [socket for socket in audience if socket.user_id != user_id]
        frame = protocol.event_frame("typing", {"conversationId": stream_id, "userId": user_id, "isTyping": is_typing})
        for socket in others:
            socket.tell(frame)
        return len(others)
