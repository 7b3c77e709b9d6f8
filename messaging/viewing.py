"""What people read is recorded before they get it: one entry for each request, with the range that was read.

If the entry cannot be written nobody gets to see the text (AuditUnavailable). A message that cannot be opened although
its key is there has been tampered with: that is an entry of its own, besides the one about the reading.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from audit.writer import EntryDraft, writer
from core.actor import Actor
from messaging.rendering import Wire


def viewing_of(actor: Actor, conversation_id: UUID, messages: Sequence[Wire]) -> list[EntryDraft]:
    """The entries about somebody reading these messages of one conversation; none for no messages."""
    if not messages:
        return []
    numbers = [message["seq"] for message in messages]
    ids = {message["id"] for message in messages}
    viewed = EntryDraft(
        "messages.viewed",
        actor,
        object_id=ids.pop() if len(ids) == 1 else None,
        conversation_id=conversation_id,
        details={"from_seq": min(numbers), "to_seq": max(numbers)},
    )
    return [viewed, *_alerts(actor, messages)]


def record_now(entries: Iterable[EntryDraft]) -> None:
    """Wait until these entries are committed; for threads. Raises AuditUnavailable when they cannot be."""
    for future in [writer.submit(entry) for entry in entries]:
        future.result()


def _alerts(actor: Actor, messages: Iterable[Wire]) -> list[EntryDraft]:
    return [
        EntryDraft(
            "message.unreadable",
            actor,
            object_id=message["id"],
            conversation_id=message["conversationId"],
            reason="undecryptable",
        )
        for message in messages
        if message.get("contentError") == "undecryptable"
    ]
