"""How the reply to what was asked is made from what its service returns."""

from typing import Any
from uuid import UUID

from core.actor import Actor
from core.time import wire_time
from messaging.drafts import Sent
from messaging.models import Membership, Report
from messaging.rendering import Wire, member_out, preferences_out, receipt_out
from messaging.rows import MessageRow
from messaging.services.reading import conversation_for, message_for, opened_conversation_for


def as_it_is(result: Wire, actor: Actor) -> Wire:
    return result


def sent(result: Sent, actor: Actor) -> Wire:
    return {**result.message, "duplicate": True} if result.duplicate else result.message


def changed_message(row: MessageRow, actor: Actor) -> Wire:
    return message_for(actor, row)


def opened(result: tuple[UUID, bool], actor: Actor) -> Wire:
    return opened_conversation_for(actor, result[0])


def changed_conversation(membership: Membership, actor: Actor) -> Wire:
    return conversation_for(actor, membership.conversation_id)


def joined(conversation_id: UUID, actor: Actor) -> Wire:
    return conversation_for(actor, conversation_id)


def member(membership: Membership, actor: Actor) -> Wire:
    return member_out(membership)


def added(result: tuple[list[Membership], bool], actor: Actor) -> Wire:
    return {"results": [member_out(membership) for membership in result[0]], "nextCursor": None}


def receipt(membership: Membership, actor: Actor) -> Wire:
    return receipt_out(membership)


def preferences(membership: Membership, actor: Actor) -> Wire:
    return preferences_out(membership)


def reported(result: tuple[Report, bool], actor: Actor) -> Wire:
    report = result[0]
    return {
        "id": report.id,
        "messageId": report.message_id,
        "reason": report.reason,
        "createdAt": wire_time(report.created_at),
    }


def nothing(result: None, actor: Actor) -> dict[str, Any]:
    return {}
