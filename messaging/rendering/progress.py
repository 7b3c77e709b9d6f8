"""How far a message has come, as its sender sees it."""

from typing import Any

from core.time import wire_time
from messaging.rows import MessageRow, Reached, Sight

SENT, DELIVERED, READ = "sent", "delivered", "read"


def progress(row: MessageRow, seen: Sight) -> dict[str, Any]:
    """`status`: `read` when every other member of the time has read it, `delivered` when every one has it, else `sent`.

    Members who left or were disabled since hold nothing back; somebody must have got it all the same.
    """
    seq = row.seq
    read = delivered = False
    all_read = all_delivered = True
    # One walk without helpers: half of the messages of a page are one's own, and a room has five hundred members.
    for user_id, is_active, joined_seq, left_seq, delivered_seq, read_seq in seen.stays:
        if joined_seq > seq or (left_seq is not None and left_seq < seq) or user_id == row.sender_id:
            continue
        holds_back = is_active and left_seq is None
        read |= read_seq >= seq
        delivered |= delivered_seq >= seq
        all_read &= read_seq >= seq or not holds_back
        all_delivered &= delivered_seq >= seq or not holds_back
    if read and all_read:
        return {"status": READ}
    return {"status": DELIVERED if delivered and all_delivered else SENT}


def progress_times(status: str, reached: Reached) -> dict[str, Any]:
    """`deliveredAt` and `readAt` of a message that has this status."""
    wire = {}
    if status != SENT and reached.delivered_at is not None:
        wire["deliveredAt"] = wire_time(reached.delivered_at)
    if status == READ and reached.read_at is not None:
        wire["readAt"] = wire_time(reached.read_at)
    return wire
