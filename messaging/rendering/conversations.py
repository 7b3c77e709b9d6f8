"""Conversations, members and watermarks as they stand on the wire."""

from typing import Any

from core.time import now, wire_time
from encryption.keyring import keyring
from messaging.details import open_details
from messaging.models import Membership
from messaging.models.conversation import ROOMS
from messaging.rendering.messages import Wire, preview
from messaging.rows import ConversationRow, MessageRow, Receipt


def conversation_out(row: ConversationRow, last: MessageRow | None) -> Wire:
    """The Conversation as the person of this row sees it; `last` is the newest message they may see.

    A room whose details cannot be opened has a name of null, and the rest of it is served.
    """
    details = open_details(row)
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
        "mentionCount": row.mention_count,
        "myRole": row.role,
        "archived": bool(row.archived),
        **muting(bool(row.muted), row.muted_until),
        "priority": row.priority,
        "tags": list(details.tags),
        "encryption": {"mode": "server", "keyId": keyring().provider.active_id()},
    }
    if row.patient_id is not None:
        wire |= {"patientId": row.patient_id, "providerId": row.provider_id}
    if row.kind in ROOMS:
        wire["name"] = details.name
    if details.description is not None:
        wire["description"] = details.description
    if row.course_id:
        wire["courseId"] = row.course_id
    return wire


def member_out(membership: Membership) -> Wire:
    wire: Wire = {
        "userId": membership.user_id,
        "username": membership.user.username,
        "displayName": membership.user.display_name,
        "role": membership.role,
        "joinedAt": wire_time(membership.joined_at),
        "isMuted": membership.is_muted,
        "isBlocked": membership.is_blocked,
        "lastReadSeq": membership.read_seq,
    }
    if membership.until is not None:
        wire["until"] = wire_time(membership.until)
    if membership.read_at is not None:
        wire["lastReadAt"] = wire_time(membership.read_at)
    return wire


def receipt_out(receipt: Membership | Receipt) -> Wire:
    wire: Wire = {"userId": receipt.user_id, "deliveredSeq": receipt.delivered_seq, "readSeq": receipt.read_seq}
    if receipt.delivered_at is not None:
        wire["deliveredAt"] = wire_time(receipt.delivered_at)
    if receipt.read_at is not None:
        wire["readAt"] = wire_time(receipt.read_at)
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
