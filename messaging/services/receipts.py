"""Watermarks: how far messages have arrived at a member, and how far they were read. They only move forward."""

from datetime import datetime

import audit
from core.actor import Actor
from core.errors import SeqOutOfRange
from core.time import now
from messaging import querysets
from messaging.models import Membership, WatermarkMove
from messaging.models.conversation import ROOMS
from messaging.models.membership import Watermark
from messaging.querysets.stays import lasting
from messaging.rendering import Wire, receipt_out
from messaging.rows import MessageRow, first_seq
from realtime import announce

_MOVES = {Watermark.DELIVERED: (Watermark.DELIVERED,), Watermark.READ: (Watermark.DELIVERED, Watermark.READ)}
"""What moves with each: what has been read has arrived. In the order that keeps one from overtaking the other."""


def mark_read(*, actor: Actor, subject: Membership, seq: int) -> Membership:
    """Everything up to `seq` has been read, and so has arrived. A lower `seq` than before changes nothing.

    Everybody hears `message:read`, also the actor's other devices; where one of two has blocked the other only those
    devices do. Raises SeqOutOfRange above the head of the conversation and below what the actor may see of it.
    """
    return _move(actor, subject, Watermark.READ, seq)


def mark_message_read(*, actor: Actor, subject: MessageRow) -> Membership:
    """The same up to this message and including it."""
    return _move(actor, querysets.membership_of(actor.id, subject.conversation_id), Watermark.READ, subject.seq)


def mark_delivered(*, actor: Actor, subject: Membership, seq: int) -> Membership:
    """Everything up to `seq` has arrived at a device of the actor; everybody hears `message:delivered`.

    Otherwise as `mark_read`.
    """
    return _move(actor, subject, Watermark.DELIVERED, seq)


def read_receipts(*, actor: Actor, subject: Membership) -> Wire:
    """How far messages have arrived at each present member, and how far each has read.

    Where one of two has blocked the other: how far the other was when the block came.
    """
    members = querysets.members_shown_to(subject)
    return {"results": [receipt_out(membership) for membership in members]}


def read_message_receipts(*, actor: Actor, subject: MessageRow) -> Wire:
    """The same of those members a message was for, with the times at which this message got there.

    That is: of those who were members when it was sent and are still, without its sender. In rooms there are no times.
    """
    return {"results": [receipt_out(receipt) for receipt in querysets.receipts_for(subject, actor.id)]}


def count_unread(*, actor: Actor, subject: Actor) -> Wire:
    """How many messages the actor has not read, in how many conversations, and how many of them mention the actor."""
    counts = querysets.counts_of(actor.id)
    return {
        "total": sum(count.unread for count in counts),
        "conversations": sum(count.unread > 0 for count in counts),
        "mentions": sum(count.mentions for count in counts),
    }


def _move(actor: Actor, membership: Membership, watermark: Watermark, seq: int) -> Membership:
    conversation = membership.conversation
    lowest = first_seq(conversation.history, membership.joined_seq)
    if not lowest <= seq <= conversation.stream.head_seq:
        raise SeqOutOfRange()
    with audit.transaction():
        if watermark in _advance(membership, watermark, seq):
            # The actor's other devices too: what was read on the telephone is not unread on the desk.
            told = [*querysets.others_who_see(membership, seq), actor.id]
            announce.progressed(
                told,
                membership.conversation_id,
                f"message:{watermark}",
                _moved(membership, seq),
                who=actor.id,
                seq=seq,
            )
    membership.refresh_from_db(fields=["delivered_seq", "delivered_at", "read_seq", "read_at"])
    return membership


def _advance(membership: Membership, watermark: Watermark, seq: int) -> list[Watermark]:
    """Move what is not as far yet; returns what moved. Each move is kept where it can be told when messages got there.

    In rooms there would be a row per member and message.
    """
    moment = now()
    moved = [one for one in _MOVES[watermark] if _advance_one(membership, one, seq, moment)]
    if membership.conversation.kind not in ROOMS:
        moves = [WatermarkMove(membership=membership, watermark=one, seq=seq, at=moment) for one in moved]
        WatermarkMove.objects.bulk_create(moves)
    return moved


def _advance_one(membership: Membership, watermark: Watermark, seq: int, moment: datetime) -> bool:
    """One conditional update: of two devices that race the further one wins, in whatever order they arrive."""
    behind = Membership.objects.filter(lasting(), id=membership.id, **{f"{watermark}_seq__lt": seq})
    return behind.update(**{f"{watermark}_seq": seq, f"{watermark}_at": moment}) == 1


def _moved(membership: Membership, seq: int) -> dict[str, object]:
    return {"conversationId": membership.conversation_id, "userId": membership.user_id, "seq": seq}
