"""How far a message has come, as its sender sees it."""

from typing import Any

from core.time import wire_time
from messaging.rows import MessageRow, Reached, Sight, Stay

SENT, DELIVERED, READ = "sent", "delivered", "read"


def progress(row: MessageRow, seen: Sight) -> dict[str, Any]:
    """`status`: `read` when every other member of the time has read it, `delivered` when every one has it, else `sent`.

    Members who left or were disabled since hold nothing back; somebody must have got it all the same.
    """
    others = [s for s in seen.stays if s.user_id != row.sender_id and s.joined_seq <= row.seq and _not_gone(s, row.seq)]
    if _reached(row.seq, [(s, s.read_seq) for s in others]):
        return {"status": READ}
    if _reached(row.seq, [(s, s.delivered_seq) for s in others]):
        return {"status": DELIVERED}
    return {"status": SENT}


def progress_times(status: str, reached: Reached) -> dict[str, Any]:
    """`deliveredAt` and `readAt` of a message that has this status."""
    wire = {}
    if status != SENT and reached.delivered_at is not None:
        wire["deliveredAt"] = wire_time(reached.delivered_at)
    if status == READ and reached.read_at is not None:
        wire["readAt"] = wire_time(reached.read_at)
    return wire


def _not_gone(stay: Stay, seq: int) -> bool:
    return stay.left_seq is None or stay.left_seq >= seq


def _reached(seq: int, watermarks: list[tuple[Stay, int]]) -> bool:
    there = [watermark >= seq for _, watermark in watermarks]
    holding_back = [s for s, watermark in watermarks if watermark < seq and s.is_active and s.left_seq is None]
    return any(there) and not holding_back
