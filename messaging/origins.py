"""What a group of sends forwards: asked for once more when it is stored, under the locks of the group.

Whoever forwards a message was asked whether they see it when they began, and copying its files may have taken minutes.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from core.errors import Gone, NotFound
from messaging.drafts import SendDraft
from messaging.rows import MessageRow, Seat


class Origins:
    """Where the drafts of one group come from; empty where none is forwarded."""

    def __init__(self, drafts: Sequence[SendDraft]) -> None:
        self._of: dict[UUID, tuple[UUID, UUID]] = {}
        self.seats: set[tuple[UUID, UUID]] = set()
        """(conversation, user) of whoever forwards out of it."""
        for draft in drafts:
            origin = draft.forwarded_from
            if origin is not None and origin.conversation_id is not None and origin.message_id is not None:
                self._of[draft.message_id] = origin.conversation_id, origin.message_id
                self.seats.add((origin.conversation_id, draft.actor.id))

    @property
    def conversation_ids(self) -> set[UUID]:
        return {conversation_id for conversation_id, _ in self._of.values()}

    @property
    def message_ids(self) -> set[UUID]:
        return {message_id for _, message_id in self._of.values()}

    def require(
        self, draft: SendDraft, rows: Mapping[UUID, MessageRow], seats: Mapping[tuple[UUID, UUID], Seat]
    ) -> None:
        """Raises NotFound when the draft forwards what its sender does not see any more, Gone for what is deleted."""
        if draft.message_id not in self._of:
            return
        conversation_id, message_id = self._of[draft.message_id]
        row, seat = rows.get(message_id), seats.get((conversation_id, draft.actor.id))
        if row is None or seat is None or row.seq < seat.first_seq:
            raise NotFound(subject_id=message_id)
        if row.is_gone:
            raise Gone("The message has been deleted.")
