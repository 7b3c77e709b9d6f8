"""How a stay begins and ends: its row, its numbered event, its entry in the audit log, and the sockets.

Everything here happens inside the `audit.transaction()` of a change, with the conversation's stream locked. The number
of statements does not depend on the number of people.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import audit
from accounts.models import Role as AccountRole
from core.actor import Actor
from core.errors import ConversationFull
from core.ids import uuid7
from core.time import now
from messaging import querysets
from messaging.models import Conversation, Membership
from messaging.models.membership import Role
from messaging.rendering import member_out
from messaging.rows import first_seq
from realtime import announce, streams
from realtime.models import Stream

Reason = Literal["left", "removed"]


def require_seats(conversation: Conversation, newcomers: int) -> None:
    """Raises ConversationFull when so many more are too many."""
    if newcomers and querysets.count_members(conversation.id) + newcomers > conversation.max_members:
        raise ConversationFull()


def seat(
    actor: Actor,
    stream: Stream,
    conversation: Conversation,
    user_ids: Sequence[UUID],
    *,
    role: str = Role.MEMBER,
    until: datetime | None = None,
) -> list[Membership]:
    """Let these people in, who are no members now; returns their stays with their users, in the order of `user_ids`.

    Each hears of the conversation from their own `member:joined` on, and has nothing unread. Who was muted when they
    left is muted still: leaving and coming back does not end it.
    """
    earlier = querysets.last_stays(conversation.id, user_ids)
    stays = [
        Membership(
            id=uuid7(),
            conversation=conversation,
            user_id=user_id,
            role=role,
            joined_seq=seq,
            delivered_seq=seq,
            read_seq=seq,
            until=until,
            is_muted=user_id in earlier and earlier[user_id].is_muted,
        )
        for seq, user_id in enumerate(user_ids, stream.head_seq + 1)
    ]
    Membership.objects.bulk_create(stays)
    seated = querysets.stays_named([stay.id for stay in stays])
    streams.append([_event(stream, "member:joined", actor, member_out(stay)) for stay in seated])
    for stay in seated:
        _record("member.joined" if stay.user_id == actor.id else "member.added", actor, stay)
        first = first_seq(conversation.history, stay.joined_seq)
        announce.followed([stay.user_id], conversation.id, first_seq=first, joined_seq=stay.joined_seq)
    return seated


def unseat(actor: Actor, stream: Stream, stays: Sequence[Membership], reason: Reason, **more: bool) -> None:
    """End these stays, each with its `member:left`: the last event that its person gets. `more` are other columns."""
    told = [{"userId": stay.user_id, "reason": reason} for stay in stays]
    events = streams.append([_event(stream, "member:left", actor, data) for data in told])
    moment = now()
    for stay, event in zip(stays, events, strict=True):
        stay.left_seq, stay.left_at = event.seq, moment
        for name, value in more.items():
            setattr(stay, name, value)
        _record(f"member.{reason}", actor, stay)
    Membership.objects.bulk_update(stays, ["left_seq", "left_at", *more])


def tell_update(actor: Actor, stream: Stream, stay: Membership, **changes: Any) -> None:
    """Store these columns of a present stay, and tell everybody."""
    for name, value in changes.items():
        setattr(stay, name, value)
    stay.save(update_fields=list(changes))
    streams.append([_event(stream, "member:updated", actor, member_out(stay))])
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changes.items()}
    _record("member.updated", actor, stay, plain)


def pass_on_ownership(actor: Actor, stream: Stream, stay: Membership) -> None:
    """Where this was a room's only owner somebody else becomes one: its longest-serving moderator, else its
    longest-serving member. Where nobody is left who could be one there is nobody left to miss one."""
    if stay.role != Role.OWNER or querysets.has_owner_besides(stay):
        return
    others = [one for one in querysets.members_of(stay.conversation_id) if one.id != stay.id and _could_own(one)]
    if others:
        # The first of those who joined first; and an owner may write.
        heir = min(others, key=lambda one: (one.is_muted, one.role != Role.MODERATOR))
        tell_update(actor, stream, heir, role=Role.OWNER.value, **({"is_muted": False} if heir.is_muted else {}))


def _could_own(stay: Membership) -> bool:
    return stay.user.is_active and stay.user.role != AccountRole.BOT


def _event(stream: Stream, kind: str, actor: Actor, data: dict[str, Any]) -> streams.NewEvent:
    return streams.NewEvent(stream, kind, actor.id, data=data)


def _record(action: str, actor: Actor, stay: Membership, details: dict[str, Any] | None = None) -> None:
    audit.record(action, actor=actor, object_id=stay.user_id, conversation_id=stay.conversation_id, details=details)
