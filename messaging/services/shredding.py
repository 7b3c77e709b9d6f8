"""Destroying a conversation: its keys first, so that from then on nothing of it opens anywhere, then its rows."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

import audit
from core.actor import SYSTEM_ID, Actor
from core.errors import Forbidden
from core.jobs import enqueue
from core.time import now
from encryption import shredding
from encryption.models import DataKey, Shred
from messaging import querysets
from messaging.models import Conversation, RoomWord
from messaging.rights import SHRED_CONVERSATION, may
from realtime import announce, streams
from retention.holds import require_not_held


def shred_conversation(*, actor: Actor, subject: Conversation, reason: str) -> None:
    """Destroy a conversation for good; `reason` is a short code, which everybody may read who may read the log.

    From the commit on nothing of it opens any more, in this database or in any copy of its data that is read with the
    present vault. Its rows, events and files are removed by a job soon after. Who was a member is told that it is
    shredded (410); to everybody else it does not exist. It cannot be undone. A repeat changes nothing.

    Whoever has the terminal acts as the system. Raises Forbidden without the right to, LegalHold for one that must be
    kept, NotFound for one that is not there.
    """
    if actor.id != SYSTEM_ID and not may(actor, SHRED_CONVERSATION):
        raise Forbidden()
    with audit.transaction():
        streams.lock([subject.id])
        found = Conversation.objects.filter(pk=subject.id).first()
        if found is None:
            raise querysets.not_found(subject.id)
        require_not_held(found.id)
        if found.shredded_at is not None:
            return
        announce.unfollowed(querysets.user_ids_of(found.id), found.id)
        shredding.shred(found.id, None, reason=shredding.REQUESTED)
        _close(found.id, now(), actor.id)
        audit.record(
            "conversation.shredded", actor=actor, object_id=found.id, conversation_id=found.id, reason=reason[:64]
        )


def carry_out(entry: Shred) -> None:
    """What follows from an entry of the ledger, once more: in data that are older than it. Keys of single epochs leave
    nothing to do here: what they sealed is unreadable, and its time was over."""
    if entry.epoch is None and Conversation.objects.filter(pk=entry.conversation).exists():
        streams.lock([entry.conversation])
        _close(entry.conversation, entry.at, SYSTEM_ID)


def shredded_conversations() -> list[UUID]:
    """Those that the data know to be destroyed, whatever the vault says: shredded ones, and those that have keys but no
    row any more, because retention has removed them."""
    shredded = Conversation.objects.filter(shredded_at__isnull=False).values_list("pk", flat=True)
    left = DataKey.objects.exclude(blob=None).filter(~Exists(Conversation.objects.filter(pk=OuterRef("conversation"))))
    return [*shredded, *left.order_by().values_list("conversation", flat=True).distinct()]


def _close(conversation_id: UUID, moment: datetime, by: UUID) -> None:
    here = Conversation.objects.filter(pk=conversation_id)
    here.filter(deleted_at=None).update(deleted_at=moment, deleted_by=by)
    here.filter(shredded_at=None).update(shredded_at=moment, details=None, updated_at=now())
    RoomWord.objects.filter(conversation=conversation_id).delete()
    enqueue("messaging.remove_shredded", conversation_id=conversation_id)
