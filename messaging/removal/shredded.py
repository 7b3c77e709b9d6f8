"""Everything of a conversation whose keys were destroyed: nothing of it opens any more, and now it goes.

A job, enqueued with the shredding and with every replay of it. What is left is the row, without a name, and the stays
that lasted when it was shredded: so those who were members are told what became of it (410), until retention removes
that as well.
"""

from collections.abc import Callable
from uuid import UUID

import audit
from attachments.models import Attachment
from core.time import now
from messaging.models import Conversation, Membership, Message, Report, RoomWord, WatermarkMove
from messaging.removal import messages, reports
from messaging.removal.conversations import remove_events
from messaging.removal.pace import BATCH, Pace
from realtime import streams

_WHY = "shredded"


def remove_shredded(conversation_id: UUID) -> None:
    """Remove it, batch by batch. A repeat, or one after a death half way, does what is left."""
    pace = Pace()
    for step in (_messages, _reports, _events, _files, _rest):
        while _once(pace, conversation_id, step):
            pace.rest()


def _once(pace: Pace, conversation_id: UUID, step: Callable[[UUID], bool]) -> bool:
    """One transaction of this step; whether there may be more to do."""
    with pace.work(), audit.transaction():
        streams.lock([conversation_id])
        if not Conversation.objects.filter(pk=conversation_id, shredded_at__isnull=False).exists():
            return False
        return step(conversation_id)


def _messages(conversation_id: UUID) -> bool:
    here = Message.objects.filter(conversation=conversation_id).order_by("seq")
    ids = list(here.values_list("id", flat=True)[:BATCH])
    return bool(messages.remove(Message.objects.filter(id__in=ids), ids, _WHY).rows)


def _reports(conversation_id: UUID) -> bool:
    found = list(Report.objects.filter(conversation=conversation_id).order_by("id")[:BATCH])
    return bool(found) and bool(reports.remove(found, _WHY).rows)


def _events(conversation_id: UUID) -> bool:
    return remove_events(conversation_id)


def _files(conversation_id: UUID) -> bool:
    """Those that were never sent: the others went with their messages. Their objects are swept like all others."""
    Attachment.objects.filter(conversation_id=conversation_id, message_id=None, gone_at=None).update(gone_at=now())
    return False


def _rest(conversation_id: UUID) -> bool:
    WatermarkMove.objects.filter(membership__conversation=conversation_id).delete()
    Membership.objects.filter(conversation=conversation_id, left_seq__isnull=False).delete()
    RoomWord.objects.filter(conversation=conversation_id).delete()
    Conversation.objects.filter(pk=conversation_id).update(has_leftovers=False)
    return False
