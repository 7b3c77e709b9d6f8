"""Messages go, and with each everything there is of it: edits, reactions, mentions, files. Its place stays known.

The table is walked through once, in the order of ids, in windows: so no statement takes long, whatever there is to
find, and memory holds one batch.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

import audit
from attachments.claiming import let_all_go
from attachments.models import Attachment
from core import sql
from core.actor import SYSTEM
from core.ids import uuid7
from core.retention import Purged, Schedule
from messaging.models import Conversation, Message
from messaging.removal.due import due_messages
from messaging.removal.pace import BATCH, Pace

WINDOW = 20_000
"""Rows looked through by one statement."""

_BEGINNING = UUID(int=0)
_ABOUT = ("messaging_messageedit", "messaging_mention", "messaging_reaction")


class Doomed(NamedTuple):
    """A message that is to go. The fields are in the order of `_FIELDS`."""

    id: UUID
    conversation_id: UUID
    seq: int
    sender_id: UUID
    has_files: bool


_FIELDS = ("id", "conversation_id", "seq", "sender_id", "has_files")


def count_due(schedule: Schedule) -> Purged:
    """How many messages would go, and how many files with them."""
    due = Message.objects.filter(due_messages(schedule))
    files = Attachment.objects.filter(gone_at=None, message_id__in=due.filter(has_files=True).values("id"))
    return Purged(due.count(), files.count())


def remove_due(schedule: Schedule) -> Iterator[None]:
    """Remove them; each `next` is one committed batch, after a pause."""
    pace, condition = Pace(), due_messages(schedule)
    for low, high in _windows(_reached.get(schedule.moment, _BEGINNING)):
        due = Message.objects.filter(condition, id__gt=low, id__lte=high)
        while ids := list(due.order_by("id").values_list("id", flat=True)[:BATCH]):
            with pace.work(), audit.transaction():
                schedule.freeze()
                schedule.took(remove(due.filter(id__in=ids), ids, "retention"))
            yield
            pace.rest()
        _reached.clear()
        _reached[schedule.moment] = high
    _reached.clear()


_reached: dict[datetime, UUID] = {}
"""Up to where this process has seen everything in the run of that moment: a run in slices begins each where the last
one ended. Another process begins again, and finds nothing left there."""


def remove(messages: "QuerySet[Message]", ids: Sequence[UUID], why: str) -> Purged:
    """Remove those of `messages` that have these ids, at most a batch, in the transaction that is open; `why` is the
    reason that the audit log gives. How many they were, and how many files went with them.

    The rows are locked first, and not their streams: whoever does something with one of these messages is waited for,
    or finds it gone (`services.holding`), and nobody who sends waits for the removal.
    """
    list(Message.objects.filter(id__in=ids).select_for_update().order_by("id").values_list("id"))
    doomed = list(map(Doomed._make, messages.order_by("id").values_list(*_FIELDS)))
    if not doomed:
        return Purged(0)
    ids = [one.id for one in doomed]
    files = let_all_go([one.id for one in doomed if one.has_files])
    for table in _ABOUT:
        sql.delete(table, "message_id", ids)
    sql.delete("messaging_message", "id", ids)
    _remember(doomed, why, files)
    return Purged(len(ids), files)


def digest(ids: Sequence[UUID]) -> bytes:
    """What the audit log remembers of the ids that were removed together, which ascend: SHA-256 of all their bytes."""
    return sha256(b"".join(id_.bytes for id_ in ids)).digest()


def _remember(doomed: Sequence[Doomed], why: str, files: int) -> None:
    batch = uuid7()
    rows = [
        {
            "id": one.id,
            "batch": batch,
            "conversation_id": one.conversation_id,
            "seq": one.seq,
            "sender_id": one.sender_id,
        }
        for one in doomed
    ]
    sql.insert("messaging_removedmessage", rows)
    leave_leftovers({one.conversation_id for one in doomed})
    audit.record(
        "messages.removed",
        actor=SYSTEM,
        object_id=batch,
        object_hash=digest([one.id for one in doomed]),
        reason=why,
        details={"messages": len(doomed), "files": files},
    )


def leave_leftovers(conversation_ids: set[UUID]) -> None:
    """Something of these conversations has gone: what depends on it is looked through later."""
    Conversation.objects.filter(pk__in=conversation_ids, has_leftovers=False).update(has_leftovers=True)


def _windows(begin: UUID) -> Iterator[tuple[UUID, UUID]]:
    """All ids behind `begin` that there are now, in spans (after, up to)."""
    last = Message.objects.order_by("-id").values_list("id", flat=True).first()
    low = begin
    while last is not None and low < last:
        behind = Message.objects.filter(id__gt=low).order_by("id").values_list("id", flat=True)
        high = next(iter(behind[WINDOW - 1 : WINDOW]), last)
        yield low, high
        low = high
