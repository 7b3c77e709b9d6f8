"""What depends on messages that were removed: moves of watermarks before the first that is left, and keys.

Whatever takes something out of a conversation notes that (`Conversation.has_leftovers`), in the transaction in which it
does; here the note is taken away again, in the transaction that does the rest. So it does not matter who dies when.

A key goes when its period is over, and nothing is left that was sealed under it: no message, event, report, file. The
name of a conversation, which may be older than everything that is left, is sealed anew first.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import BinaryField, Exists, F, Func, Min, OuterRef, QuerySet, Value

import audit
from attachments.models import Attachment
from core.actor import SYSTEM
from core.time import now
from encryption import shredding
from encryption.formats import Undecryptable, blob_epoch
from encryption.models import DataKey, DataKeyState
from encryption.periods import period_of
from messaging import details
from messaging.models import Conversation, Membership, Message, Report, ReportNote, WatermarkMove
from messaging.models.conversation import ROOMS
from messaging.querysets.watermarks import BLOCKED
from messaging.removal.pace import Pace
from realtime import streams
from realtime.models import Event
from retention.holds import held_conversations

_SLOWEST_CLOCK = timedelta(hours=1)
"""So long after its end a period counts as over: until then a process with a slow clock may seal under its key."""


def settle() -> Iterator[None]:
    """Look through every conversation that has leftovers and is not held; each `next` is one committed transaction,
    after a pause."""
    pace, low = Pace(), UUID(int=0)
    while (found := _next(low)) is not None:
        low = found
        with pace.work():
            _settle(found)
        yield
        pace.rest()


def look_again() -> None:
    """Have `settle` look through every conversation that has a key: an older vault may have brought some back."""
    keys = DataKey.objects.filter(conversation=OuterRef("pk")).exclude(blob=None)
    Conversation.objects.filter(Exists(keys), has_leftovers=False).update(has_leftovers=True)


def _next(after: UUID) -> UUID | None:
    waiting = Conversation.objects.filter(has_leftovers=True, pk__gt=after).order_by("pk")
    return waiting.values_list("pk", flat=True).first()


def _settle(conversation_id: UUID) -> None:
    # Before the lock, because it may take long: of a period that is over nothing new is sealed meanwhile.
    keys = _keys(conversation_id)
    used = _used(conversation_id, keys) if keys else set()
    with audit.transaction():
        streams.lock([conversation_id])
        if held_conversations([conversation_id]):
            return
        _forget_moves(conversation_id)
        unused = {key.epoch for key in keys} - used
        over = {key.epoch for key in keys if _is_over(key)}
        freed = unused & over & _without_details(conversation_id, unused & over)
        _shred(conversation_id, freed)
        if unused == freed and not _has_files_waiting(conversation_id):
            Conversation.objects.filter(pk=conversation_id).update(has_leftovers=False)


def _shred(conversation_id: UUID, epochs: Collection[int]) -> None:
    if epochs and shredding.shred(conversation_id, epochs, reason=shredding.RETENTION):
        audit.record(
            "keys.shredded",
            actor=SYSTEM,
            object_id=conversation_id,
            conversation_id=conversation_id,
            reason=shredding.RETENTION,
            details={"epochs": sorted(epochs)},
        )


def _keys(conversation_id: UUID) -> list[DataKey]:
    """Those that open something, or could."""
    return list(DataKey.objects.filter(conversation=conversation_id).exclude(state=DataKeyState.SHREDDED))


def _is_over(key: DataKey) -> bool:
    """Compared with the period of an hour ago, so that a setting that was changed to a longer one keeps the key."""
    return key.period < period_of(now() - _SLOWEST_CLOCK)


def _used(conversation_id: UUID, keys: Iterable[DataKey]) -> set[int]:
    """The epochs under which something of the conversation is sealed. An edit lies under that of its message, and goes
    with it."""
    messages = Message.objects.filter(conversation=conversation_id)
    reports = Report.objects.filter(conversation=conversation_id)
    sealed: list[tuple[QuerySet[Any], str]] = [
        (messages.exclude(body=b""), "body"),
        (Event.objects.filter(stream=conversation_id, body__isnull=False), "body"),
        (reports, "evidence"),
        (ReportNote.objects.filter(report__in=reports), "body"),
    ]
    files: list[QuerySet[Attachment]] = [
        Attachment.objects.filter(message_id__in=messages.filter(has_files=True).values("id")),
        *_files_waiting(conversation_id),
    ]
    return {epoch for rows, column in sealed for epoch in _epochs(rows, column)} | {
        epoch for rows in files for epoch in rows.order_by().values_list("epoch", flat=True).distinct()
    }


def _epochs(rows: QuerySet[Any], column: str) -> Iterator[int]:
    """The epochs of sealed values: bytes 2 to 5 of each (`encryption.formats`), told apart by the database."""
    head = Func(F(column), Value(3), Value(4), function="SUBSTR", output_field=BinaryField())
    for (found,) in rows.order_by().annotate(head=head).values_list("head").distinct():
        yield int.from_bytes(bytes(found), "big")


def _files_waiting(conversation_id: UUID) -> list[QuerySet[Attachment]]:
    """Files that belong to no message there is: not sent yet, or gone and not swept yet."""
    here = Attachment.objects.filter(conversation_id=conversation_id)
    return [here.filter(message_id=None), here.filter(gone_at__isnull=False)]


def _has_files_waiting(conversation_id: UUID) -> bool:
    """Their keys are looked at again when they are no more."""
    return any(files.exists() for files in _files_waiting(conversation_id))


def _without_details(conversation_id: UUID, epochs: Collection[int]) -> set[int]:
    """These epochs, once the details of the conversation are sealed under none of them; those that cannot be opened
    keep theirs."""
    conversation = Conversation.objects.get(pk=conversation_id)
    if conversation.details is None:
        return set(epochs)
    try:
        epoch = blob_epoch(conversation.details)
    except Undecryptable:
        return set(epochs)
    if epoch not in epochs:
        return set(epochs)
    opened = details.open_details(conversation)
    if opened == details.Details():
        return set(epochs) - {epoch}
    conversation.details = details.seal_details(
        conversation.id, conversation.created_by_id, conversation.details_revision, opened
    )
    Conversation.objects.filter(pk=conversation_id).update(details=conversation.details)
    return set(epochs) - {blob_epoch(conversation.details)}


def _forget_moves(conversation_id: UUID) -> None:
    """Moves of watermarks tell when messages were delivered and read: those below the first message that is left tell
    nothing any more, but for the last of each watermark, which says where it stands.

    Where somebody has blocked somebody they stay: what the two know of each other stands where it stood.
    """
    if Conversation.objects.filter(pk=conversation_id, kind__in=ROOMS).exists():
        return
    lowest = Message.objects.filter(conversation=conversation_id).aggregate(lowest=Min("seq"))["lowest"]
    stays = Membership.objects.filter(conversation=conversation_id).exclude(BLOCKED)
    later = WatermarkMove.objects.filter(
        membership=OuterRef("membership"), watermark=OuterRef("watermark"), seq__gt=OuterRef("seq")
    )
    moves = WatermarkMove.objects.filter(Exists(later), membership__in=stays)
    (moves if lowest is None else moves.filter(seq__lt=lowest)).delete()
