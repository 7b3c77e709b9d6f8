"""Watermarks: how far messages have arrived at a member, and how far they were read. They only move forward."""

from typing import Literal

from django.db.models import Case, F, When
from django.db.models.functions import Greatest

import audit
from core.actor import Actor
from core.errors import SeqOutOfRange
from core.time import now
from messaging import querysets
from messaging.models import Membership
from messaging.rows import first_seq
from realtime import announce


def mark_read(*, actor: Actor, subject: Membership, seq: int) -> Membership:
    """Everything up to `seq` has been read, and so has arrived. A lower `seq` than before changes nothing.

    Everybody hears `message:read`, also the actor's other devices. Raises SeqOutOfRange above the head of the
    conversation and below what the actor may see of it.
    """
    return _move(actor, subject, "read", seq)


def mark_delivered(*, actor: Actor, subject: Membership, seq: int) -> Membership:
    """Everything up to `seq` has arrived at a device of the actor; everybody hears `message:delivered`.

    Otherwise as `mark_read`.
    """
    return _move(actor, subject, "delivered", seq)


def _move(actor: Actor, membership: Membership, kind: Literal["read", "delivered"], seq: int) -> Membership:
    conversation = membership.conversation
    lowest = first_seq(conversation.history, membership.joined_seq)
    if not lowest <= seq <= conversation.stream.head_seq:
        raise SeqOutOfRange()
    with audit.transaction():
        if _advance(membership, kind, seq):
            # The actor's other devices too: what was read on the telephone is not unread on the desk.
            told = [*querysets.others_who_see(membership, seq), actor.id]
            announce.tell_users(told, f"message:{kind}", _moved(membership, seq))
    membership.refresh_from_db(fields=["delivered_seq", "delivered_at", "read_seq", "read_at"])
    return membership


def _advance(membership: Membership, kind: str, seq: int) -> bool:
    """One conditional update: of two devices that race the further one wins, in whatever order they arrive."""
    moment = now()
    changes: dict[str, object] = {
        "delivered_seq": Greatest(F("delivered_seq"), seq),
        "delivered_at": Case(When(delivered_seq__lt=seq, then=moment), default=F("delivered_at")),
    }
    if kind == "read":
        changes |= {"read_seq": seq, "read_at": moment}
    behind = Membership.objects.filter(id=membership.id, left_seq=None, **{f"{kind}_seq__lt": seq})
    return behind.update(**changes) == 1


def _moved(membership: Membership, seq: int) -> dict[str, object]:
    return {"conversationId": membership.conversation_id, "userId": membership.user_id, "seq": seq}
