"""Rows become what stands on the wire (protocol of conversations and messages), with their bodies opened.

A Message comes in two forms. In an event it is the same for every receiver: `status` is "sent" and a quote has no
preview. Everywhere else one person asked for it, so it carries the status as they may know it and previews of quotes
they may see. A body that cannot be opened costs its own message only: `content` is null and `contentError` says why.

Whoever renders many messages calls `bodies.load_keys` first, so that all its keys come in one query.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from core.errors import Shredded
from core.time import now, wire_time
from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging.bodies import load_keys, open_content
from messaging.models import Membership
from messaging.rows import ConversationRow, MessageRow, Sight, Stay
from realtime.models import Event

Wire = dict[str, Any]

PREVIEW_CHARACTERS = 100


def event_message(row: MessageRow, content: str | None = None) -> Wire:
    """The Message as every receiver of its event gets it; `content` spares opening a body whose text is at hand."""
    wire: Wire = {
        "id": row.id,
        "conversationId": row.conversation_id,
        "seq": row.seq,
        "senderId": row.sender_id,
        "type": row.type,
        "format": row.format,
        **(_content(row) if content is None else {"content": content}),
        "priority": row.priority,
        "threadCount": 0,
        "mentions": [],
        "reactions": [],
        "attachments": [],
        "status": "sent",
        "isEdited": row.edited_at is not None,
        "isDeleted": row.deleted_at is not None,
        "isPinned": False,
        "metadata": {},
        "createdAt": wire_time(row.created_at),
    }
    if row.client_message_id is not None:
        wire["clientMessageId"] = row.client_message_id
    if row.edited_at is not None:
        wire["editedAt"] = wire_time(row.edited_at)
    if row.deleted_at is not None:
        wire["deletedAt"] = wire_time(row.deleted_at)
    elif row.reply_to_id is not None:
        wire["replyTo"] = {"id": row.reply_to_id, "seq": row.reply_seq, "senderId": row.reply_sender_id}
    return wire


def missing_message(event: Event) -> Wire:
    """The Message of an event whose message cannot be found: what the event itself tells of it, and `contentError`."""
    unknown = MessageRow(
        id=event.message_id or UUID(int=0),
        conversation_id=event.stream_id,
        seq=event.seq,
        client_message_id=None,
        sender_id=event.actor_id,
        type="text",
        format="plain",
        priority="normal",
        body=b"",
        created_at=event.created_at,
    )
    return event_message(unknown)


def personal_message(row: MessageRow, user_id: UUID, first_seq: int, stays: Sequence[Stay]) -> Wire:
    """The Message as this person gets it who asked for it; `first_seq` is where what they see begins."""
    wire = with_preview(event_message(row), row, first_seq)
    if row.sender_id == user_id:
        wire["status"] = status_of(row, stays)
    return wire


def with_preview(wire: Wire, row: MessageRow, first_seq: int) -> Wire:
    """The same Message with a preview of what it quotes, if the reader may see that; `wire` itself stays as it is."""
    quoted = row.quoted()
    if quoted is None or "replyTo" not in wire or wire["replyTo"]["seq"] < first_seq:
        return wire
    return {**wire, "replyTo": {**wire["replyTo"], "preview": preview(quoted)}}


def page_of(rows: Sequence[MessageRow], user_id: UUID, seen: Sight) -> list[Wire]:
    load_keys(rows)
    return [personal_message(row, user_id, seen.first_seq, seen.stays) for row in rows]


def status_of(row: MessageRow, stays: Sequence[Stay]) -> str:
    """`read` when every other member of the time has read it, `delivered` when every one has it, else `sent`.

    Members who left or were disabled since hold nothing back; somebody must have got it all the same.
    """
    others = [s for s in stays if s.user_id != row.sender_id and s.joined_seq <= row.seq and _not_gone(s, row.seq)]
    if _reached(row.seq, [(s, s.read_seq) for s in others]):
        return "read"
    if _reached(row.seq, [(s, s.delivered_seq) for s in others]):
        return "delivered"
    return "sent"


def preview(row: MessageRow) -> str | None:
    """The beginning of a message; None when it was deleted or cannot be opened."""
    content: str | None = _content(row)["content"]
    return None if content is None else content[:PREVIEW_CHARACTERS]


def conversation_out(row: ConversationRow, last: MessageRow | None) -> Wire:
    """The Conversation as the person of this row sees it; `last` is the newest message they may see."""
    wire: Wire = {
        "id": row.id,
        "kind": row.kind,
        "maxMembers": row.max_members,
        "memberCount": row.member_count or 0,
        "createdBy": row.created_by_id,
        "createdAt": wire_time(row.created_at),
        "updatedAt": wire_time(row.updated_at),
        "headSeq": row.head_seq,
        "lastMessage": None if last is None else _last_message(last),
        "lastMessageAt": None if last is None else wire_time(last.created_at),
        "history": row.history,
        "postingPolicy": row.posting_policy,
        "unreadCount": row.unread_count,
        "mentionCount": 0,
        "myRole": row.role,
        "archived": bool(row.archived),
        **muting(bool(row.muted), row.muted_until),
        "priority": row.priority,
        "tags": [],
        "encryption": {"mode": "server", "keyId": keyring().provider.active_id()},
    }
    if row.patient_id is not None:
        wire |= {"patientId": row.patient_id, "providerId": row.provider_id}
    if row.course_id:
        wire["courseId"] = row.course_id
    return wire


def member_out(membership: Membership) -> Wire:
    wire: Wire = {
        "userId": membership.user_id,
        "displayName": membership.user.display_name,
        "role": membership.role,
        "joinedAt": wire_time(membership.joined_at),
        "isMuted": membership.is_muted,
        "isBlocked": membership.is_blocked,
        "lastReadSeq": membership.read_seq,
    }
    if membership.read_at is not None:
        wire["lastReadAt"] = wire_time(membership.read_at)
    return wire


def receipt_out(membership: Membership) -> Wire:
    wire: Wire = {
        "userId": membership.user_id,
        "deliveredSeq": membership.delivered_seq,
        "readSeq": membership.read_seq,
    }
    if membership.delivered_at is not None:
        wire["deliveredAt"] = wire_time(membership.delivered_at)
    if membership.read_at is not None:
        wire["readAt"] = wire_time(membership.read_at)
    return wire


def preferences_out(membership: Membership) -> Wire:
    return {"archived": membership.archived, **muting(membership.muted, membership.muted_until)}


def muting(muted: bool, muted_until: Any) -> Wire:
    """`muted` as it stands now: a muting whose end has passed is over, though nobody has ended it."""
    if not muted or (muted_until is not None and muted_until <= now()):
        return {"muted": False}
    return {"muted": True} if muted_until is None else {"muted": True, "mutedUntil": wire_time(muted_until)}


def _last_message(row: MessageRow) -> Wire:
    return {
        "id": row.id,
        "seq": row.seq,
        "senderId": row.sender_id,
        "type": row.type,
        "preview": preview(row),
        "createdAt": wire_time(row.created_at),
    }


def _content(row: MessageRow) -> Wire:
    if row.deleted_at is not None:
        return {"content": None}
    try:
        return {"content": open_content(row)}
    except Undecryptable:
        return {"content": None, "contentError": "undecryptable"}
    except Shredded:
        return {"content": None, "contentError": "shredded"}


def _not_gone(stay: Stay, seq: int) -> bool:
    return stay.left_seq is None or stay.left_seq >= seq


def _reached(seq: int, watermarks: list[tuple[Stay, int]]) -> bool:
    there = [watermark >= seq for _, watermark in watermarks]
    holding_back = [s for s, watermark in watermarks if watermark < seq and s.is_active and s.left_seq is None]
    return any(there) and not holding_back
