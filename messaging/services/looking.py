"""Looking at a conversation, and typing in it: what others see of somebody who says nothing. None of it is stored."""

from collections.abc import Sequence
from uuid import UUID

from core.actor import Actor
from messaging import querysets
from messaging.policies import Desk
from messaging.rendering import Wire
from realtime import announce
from realtime.hub import hub
from realtime.threads import run

Members = dict[UUID, set[UUID]]


async def look_at_conversation(*, actor: Actor, conversation_id: UUID) -> Wire:
    """The connection that asks shows this conversation from now on, until it looks away or ends, or the actor leaves.

    Meanwhile it hears who types there. Returns `{conversationId, userIds}`: who looks at it now, on whatever
    connection. A repeat changes nothing. Raises NotFound when the actor is no member.
    """
    [active] = await _look_at(actor, [conversation_id])
    return active


async def look_at_conversations(*, actor: Actor, conversation_ids: Sequence[UUID]) -> Wire:
    """The same for several at once: `{results}` in the order asked. If the actor is no member of one, of none."""
    return {"results": await _look_at(actor, list(dict.fromkeys(conversation_ids)))}


async def look_away(*, actor: Actor, conversation_id: UUID) -> Wire:
    """The connection that asks no longer shows this conversation; who else looks at it. A repeat changes nothing.

    Raises NotFound when the actor is no member: then they look at it no more anyway.
    """
    members = await run(_members, actor, [conversation_id])
    hub.views.look_away(actor.id, actor.connection_id, conversation_id)
    return _active(conversation_id, members)


async def read_active_members(*, actor: Actor, conversation_id: UUID) -> Wire:
    """Who looks at the conversation now: `{conversationId, userIds}`. Raises NotFound when the actor is no member."""
    return _active(conversation_id, await run(_members, actor, [conversation_id]))


def show_typing(*, actor: Actor, subject: Desk, is_typing: bool) -> None:
    """Who looks at the conversation sees that the actor types, or has stopped.

    It fades after 3 s (`TYPING_FADE`) unless it is said again; said more often, it is shown no more often than that.
    """
    announce.typing(subject.conversation_id, actor.id, is_typing, subject.head_seq)


async def _look_at(actor: Actor, conversation_ids: list[UUID]) -> list[Wire]:
    members = await run(_members, actor, conversation_ids)
    hub.views.look(actor.id, actor.connection_id, conversation_ids)
    return [_active(conversation_id, members) for conversation_id in conversation_ids]


def _members(actor: Actor, conversation_ids: list[UUID]) -> Members:
    """In a database thread: who of those who seem to look belongs there. A lease can be older than a departure."""
    looking = set[UUID]().union(*map(hub.views.users, conversation_ids))
    return querysets.members_among(looking, conversation_ids, asked_by=actor.id)


def _active(conversation_id: UUID, members: Members) -> Wire:
    present = members[conversation_id] & hub.views.users(conversation_id)
    return {"conversationId": conversation_id, "userIds": sorted(present)}
