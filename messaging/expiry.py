"""Messages that were sent to disappear do, and take their text with them.

From its moment on an expired message is a tombstone wherever it is shown: whoever reads compares the time
(`MessageRow.is_gone`). The job makes that true of the database too, a few seconds later, and tells clients. Of what is
held the text stays until the hold is lifted, where nobody sees it; then its turn comes.
"""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

import audit
from core.actor import SYSTEM
from messaging import querysets
from messaging.services.messages import erase
from realtime import streams
from retention.holds import held_conversations

_AT_ONCE = 200


def expire_messages() -> None:
    """Erase what has expired, as the system, conversation by conversation; everybody hears `message:deleted`."""
    while due := querysets.due_to_expire(_AT_ONCE):
        by_conversation: defaultdict[UUID, list[UUID]] = defaultdict(list)
        for conversation_id, message_id in due:
            by_conversation[conversation_id].append(message_id)
        for conversation_id, message_ids in by_conversation.items():
            _expire(conversation_id, message_ids)


def _expire(conversation_id: UUID, message_ids: Collection[UUID]) -> None:
    with audit.transaction():
        stream = streams.lock([conversation_id])[conversation_id]
        if held_conversations([conversation_id]):
            return
        rows = querysets.messages_by_id(message_ids).values()
        for row in sorted(rows, key=lambda row: row.seq):
            if row.deleted_at is None:
                erase(SYSTEM, stream, row)
