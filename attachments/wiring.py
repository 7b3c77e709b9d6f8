"""What messaging hands over when the server starts: conversations are not known here.

from attachments import wiring
wiring.place_for = …
"""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from core.actor import Actor
from core.errors import NotFound


class Place(NamedTuple):
    """A conversation into which somebody may put files, each of at most `most_bytes`."""

    conversation_id: UUID
    most_bytes: int


def _nowhere(actor: Actor, conversation_id: UUID) -> Place:
    raise NotFound(subject_id=conversation_id)


def _nothing(user_id: UUID, message_id: UUID, conversation_id: UUID) -> bool:
    return False


def _nobody(user_id: UUID, conversation_id: UUID) -> bool:
    return False


place_for: Callable[[Actor, UUID], Place] = _nowhere
"""Where the actor may upload now; raises NotFound for a conversation that is not theirs, Forbidden where they may not
write."""

may_see_message: Callable[[UUID, UUID, UUID], bool] = _nothing
"""Whether this person may see this message of this conversation now: who may see it may have its files."""

is_member: Callable[[UUID, UUID], bool] = _nobody
"""Whether this person is in this conversation now: an owner keeps an unsent file only as long as that."""
