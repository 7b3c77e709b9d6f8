"""Opening, changing and deleting conversations."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError

import audit
from core.actor import Actor
from core.errors import Conflict, ConversationFull
from core.ids import uuid7
from core.time import now
from messaging import details, policies, querysets
from messaging.models import Conversation, Membership, RoomWord
from messaging.models.conversation import TELL_NEWCOMERS, History, Kind, pair_key
from messaging.models.membership import Role
from messaging.opening import Opening, RoomOpening
from messaging.policies import Removal
from messaging.services import changing
from realtime import announce, streams
from retention.holds import require_not_held

# Losing a race means that the conversation is there now; losing it again, that it was deleted in between.
_ATTEMPTS = 3


def create_conversation(*, actor: Actor, subject: Opening | RoomOpening) -> tuple[UUID, bool]:
    """The id of the conversation, and whether it was made just now.

    Of two people there is one conversation of a kind, whoever opens it and whenever. In a clinical one the provider is
    the owner and the patient a member; a direct one has two members and no owner. A room is new each time: the actor
    owns it and the others are members from its beginning. Raises ConversationFull for more people than it may have.
    """
    if isinstance(subject, RoomOpening):
        return _create_room(actor, subject), True
    if subject.existing is not None:
        return subject.existing.id, False
    for _ in range(_ATTEMPTS):
        try:
            return _create_pair(actor, subject), True
        except IntegrityError:
            found = querysets.conversation_between(
                subject.kind, subject.one.id, subject.other.id, member=subject.one.id
            )
            if found is not None:
                return found.id, False
    raise Conflict("The conversation was opened and deleted at the same time; try again.")


def update_conversation(*, actor: Actor, subject: Membership, **wanted: Any) -> Membership:
    """Change what concerns everybody in the conversation; they hear `conversation:updated` with what changed.

    What is not named stays, and what is the same already changes nothing. Raises UnknownField for what this kind of
    conversation does not have, Forbidden unless the actor may, Conflict for a room smaller than it is full.
    """
    with audit.transaction():
        stream = streams.lock([subject.conversation_id])[subject.conversation_id]
        membership = querysets.membership_of(actor.id, subject.conversation_id)
        policies.can_update_conversation(actor, membership)
        conversation = membership.conversation
        policies.can_reach(querysets.seat_of(conversation.id, actor.id))
        changing.require_fields(conversation, wanted)
        if "history" in wanted:
            policies.can_decide_history(membership)
        changed = changing.change(conversation, wanted)
        if changed:
            streams.append([streams.NewEvent(stream, "conversation:updated", actor.id, data=changed)])
            audit.record(
                "conversation.updated",
                actor=actor,
                object_id=conversation.id,
                conversation_id=conversation.id,
                details=changing.recordable(changed),
            )
    return subject


def delete_conversation(*, actor: Actor, subject: Removal) -> None:
    """Take the conversation away from everybody; its rows stay until retention removes them.

    From the commit on it does not exist for anybody, members included. A second deletion finds nothing to delete.
    Raises LegalHold while it must be kept.
    """
    with audit.transaction():
        streams.lock([subject.conversation.id])
        require_not_held(subject.conversation.id)
        close(actor, subject.conversation.id)


def close(actor: Actor, conversation_id: UUID) -> None:
    """The same as part of another change, with the conversation's stream locked."""
    alive = Conversation.objects.filter(pk=conversation_id, deleted_at=None)
    if not alive.update(deleted_at=now(), deleted_by=actor.id, updated_at=now()):
        raise querysets.not_found(conversation_id)
    RoomWord.objects.filter(conversation=conversation_id).delete()
    audit.record("conversation.deleted", actor=actor, object_id=conversation_id, conversation_id=conversation_id)
    announce.unfollowed(querysets.user_ids_of(conversation_id), conversation_id)


def _create_pair(actor: Actor, opening: Opening) -> UUID:
    with audit.transaction():
        conversation = Conversation.objects.create(
            stream=streams.open_stream(uuid7()),
            kind=opening.kind,
            created_by_id=actor.id,
            **_pair(opening),
        )
        _begin(actor, conversation, _roles(opening))
    return conversation.id


def _create_room(actor: Actor, opening: RoomOpening) -> UUID:
    if len(opening.others) >= opening.max_members:
        raise ConversationFull()
    with audit.transaction():
        stream = streams.open_stream(uuid7())
        conversation = Conversation.objects.create(
            stream=stream,
            kind=opening.kind,
            created_by_id=actor.id,
            course_id=opening.course_id,
            max_members=opening.max_members,
            history=History.ALL if opening.kind in TELL_NEWCOMERS else History.SINCE_JOINING,
            # Nobody else can see the stream before COMMIT, which is as good as its lock.
            details=details.seal_details(stream.id, actor.id, 0, opening.details),
        )
        details.index(conversation, opening.details.name)
        _begin(actor, conversation, {other.id: Role.MEMBER for other in opening.others} | {actor.id: Role.OWNER})
    return conversation.id


def _begin(actor: Actor, conversation: Conversation, people: dict[UUID, Role]) -> None:
    """The first members of a new conversation."""
    Membership.objects.bulk_create(
        [Membership(conversation=conversation, user_id=user_id, role=role) for user_id, role in people.items()]
    )
    audit.record("conversation.created", actor=actor, object_id=conversation.id, conversation_id=conversation.id)
    announce.followed(people, conversation.id)


def _pair(opening: Opening) -> dict[str, object]:
    if opening.kind == Kind.CLINICAL:
        return {"patient": opening.one, "provider": opening.other}
    return {"pair_key": pair_key(opening.one.id, opening.other.id)}


def _roles(opening: Opening) -> dict[UUID, Role]:
    other = Role.OWNER if opening.kind == Kind.CLINICAL else Role.MEMBER
    return {opening.one.id: Role.MEMBER, opening.other.id: other}
