"""What is left of a conversation that was deleted, once its messages, reports and files are gone: it goes as well.

Its events and stays, its name, its keys. In the log of who did what its id is left.
"""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

import audit
from attachments.models import Attachment
from core import sql
from core.actor import SYSTEM
from core.retention import Purged, Schedule
from encryption import shredding
from messaging.models import Conversation, Membership, Message, Report, RoomWord, WatermarkMove
from messaging.removal.pace import BATCH, Pace
from realtime import streams
from realtime.models import Event, Stream


def count_due(schedule: Schedule) -> Purged:
    return Purged(_due(schedule).count())


def remove_due(schedule: Schedule) -> Iterator[None]:
    """Remove them; each `next` is one committed batch, after a pause. One with many events takes several."""
    pace = Pace()
    while (conversation_id := _due(schedule).order_by("pk").values_list("pk", flat=True).first()) is not None:
        with pace.work(), audit.transaction():
            schedule.freeze()
            streams.lock([conversation_id])
            if _due(schedule).filter(pk=conversation_id).exists() and not remove_events(conversation_id):
                _remove(conversation_id)
                schedule.took(Purged(1))
        yield
        pace.rest()


def remove_events(conversation_id: UUID) -> bool:
    """Some of its events, the oldest first, in the transaction that is open; whether there were any."""
    events = Event.objects.filter(stream=conversation_id).order_by("seq")
    return bool(sql.delete("realtime_event", "id", list(events.values_list("id", flat=True)[:BATCH])))


def _remove(conversation_id: UUID) -> None:
    shredding.shred(conversation_id, None, reason=shredding.RETENTION)
    WatermarkMove.objects.filter(membership__conversation=conversation_id).delete()
    Membership.objects.filter(conversation=conversation_id).delete()
    RoomWord.objects.filter(conversation=conversation_id).delete()
    sql.delete("messaging_conversation", "id", [conversation_id])
    Stream.objects.filter(id=conversation_id).delete()
    audit.record(
        "conversation.removed",
        actor=SYSTEM,
        object_id=conversation_id,
        conversation_id=conversation_id,
        reason=shredding.RETENTION,
    )


def _due(schedule: Schedule) -> QuerySet[Conversation]:
    before = schedule.over()
    if before is None:
        return Conversation.objects.none()
    here = OuterRef("pk")
    files = Attachment.objects.filter(Q(message_id=None) | Q(gone_at__isnull=False), conversation_id=here)
    return Conversation.objects.filter(
        ~Exists(Message.objects.filter(conversation=here)),
        ~Exists(Report.objects.filter(conversation=here)),
        ~Exists(files),
        schedule.not_held(conversation="pk"),
        deleted_at__lt=before,
    )
