"""What this package needs from those to its right: they set these names in their AppConfig.ready()."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from core.actor import Actor
from core.errors import TokenRevoked
from realtime.models import Event


@dataclass(frozen=True, slots=True)
class Ticket:
    """A token that was good: who it stands for, when it ends (aware, UTC), and what they chose to be on that device
    (`presence.Status`)."""

    actor: Actor
    expires_at: datetime
    chosen: str = "online"


@dataclass(frozen=True, slots=True)
class Begun:
    """A membership that began: the person belongs to the stream since event `joined_seq`, or from its beginning on."""

    user_id: UUID
    stream_id: UUID
    first_seq: int
    joined_seq: int


@dataclass(frozen=True, slots=True)
class Ending:
    """A membership, begun with event `joined_seq`, that ends by itself at that moment (aware, UTC)."""

    user_id: UUID
    stream_id: UUID
    joined_seq: int
    until: datetime


class AccountDisabled(TokenRevoked):
    """The token's session ended because its account was disabled."""


def not_wired(*args: object) -> NoReturn:
    """Stands where something has yet to be handed over."""
    raise RuntimeError("this function of realtime.wiring has not been handed over")


authenticate: Callable[[str, str], Ticket] = not_wired
"""(token, client address) → Ticket. Raises a kind of Unauthenticated. By accounts."""

ended_sessions: Callable[[Collection[UUID]], dict[UUID, int]] = not_wired
"""Which of these sessions have ended, and the close code that says why. By accounts."""

last_seen: Callable[[Mapping[UUID, datetime]], None] = not_wired
"""Write down when these people were last there (aware, UTC), unless they have been seen later. By accounts."""

presence_of: Callable[[UUID, str, Collection[UUID]], tuple[dict[str, Any], Collection[UUID]]] = not_wired
"""User, their status, and who wants to be told → the `data` of `presence:update`, and who of them may be told now. By
accounts."""

visible_streams: Callable[[UUID], dict[UUID, int]] = not_wired
"""User → the conversations whose events this person receives, each with the first seq they may see. By messaging."""

sights: Callable[[UUID], dict[UUID, int]] = not_wired
"""Stream → everybody who belongs to it, each with the first seq they may see. By messaging."""

deleted_streams: Callable[[Collection[UUID]], Collection[UUID]] = not_wired
"""Which of these conversations no longer exist for anybody. By messaging."""

shredded_streams: Callable[[UUID, Collection[UUID]], Collection[UUID]] = not_wired
"""User and conversations → those of them that were destroyed while the person was a member. By messaging."""

ending: Callable[[datetime], Sequence[Ending]] = not_wired
"""A moment of the database's clock → the memberships whose end has come by then, and that nobody has ended yet. By
messaging."""

begun_since: Callable[[datetime], Sequence[Begun]] = not_wired
"""A moment of the database's clock → the memberships that began after it and last. By messaging."""

veiled: Callable[[dict[str, Any]], dict[str, Any]] = not_wired
"""The `data` of an event about a message → the same for who receives the event and may not see the message: its place,
and nothing it says. By messaging."""

render: Callable[[Sequence[Event]], list[dict[str, Any]]] = not_wired
"""Events about messages → the `data` of each, in the same order, the same for every receiver. By messaging."""
