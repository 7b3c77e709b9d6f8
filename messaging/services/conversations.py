"""Opening, changing and deleting conversations."""

from uuid import UUID

from django.db import IntegrityError

import audit
from accounts.models import User
from core.actor import Actor
from core.errors import Conflict
from core.ids import uuid7
from core.time import now
from messaging import querysets
from messaging.models import Conversation, Membership
from messaging.models.conversation import Kind, pair_key
from messaging.models.membership import Role
from messaging.opening import Opening
from messaging.policies import Removal
from realtime import announce, streams

# Losing a race means that the conversation is there now; losing it again, that it was deleted in between.
_ATTEMPTS = 3


def create_conversation(*, actor: Actor, subject: Opening) -> tuple[UUID, bool]:
    """The id of the conversation of these two people, and whether it was made just now.

    Two who open it at the same moment get the same one: the database holds each pair to one. In a clinical conversation
    the provider is the owner and the patient a member; a direct one has two members and no owner.
    """
    if subject.existing is not None:
        return subject.existing.id, False
    for _ in range(_ATTEMPTS):
        try:
            return _create(actor, subject), True
        except IntegrityError:
            found = querysets.conversation_between(
                subject.kind, subject.one.id, subject.other.id, member=subject.one.id
            )
            if found is not None:
                return found.id, False
    raise Conflict("The conversation was opened and deleted at the same time; try again.")


def update_conversation(*, actor: Actor, subject: Membership, priority: str | None = None) -> Membership:
    """Change what concerns everybody in the conversation; they hear `conversation:updated`.

    What is not named stays, and what is the same already changes nothing.
    """
    with audit.transaction():
        stream = streams.lock([subject.conversation_id])[subject.conversation_id]
        conversation = querysets.membership_of(actor.id, subject.conversation_id).conversation
        if priority is not None and priority != conversation.priority:
            conversation.priority = priority
            conversation.save(update_fields=["priority", "updated_at"])
            streams.append([streams.NewEvent(stream, "conversation:updated", actor.id, data={"priority": priority})])
            audit.record(
                "conversation.updated",
                actor=actor,
                object_id=conversation.id,
                conversation_id=conversation.id,
                details={"priority": priority},
            )
    return subject


def delete_conversation(*, actor: Actor, subject: Removal) -> None:
    """Take the conversation away from everybody; its rows stay until retention removes them.

    From the commit on it does not exist for anybody, members included. A second deletion finds nothing to delete.
    """
    with audit.transaction():
        conversation_id = subject.conversation.id
        streams.lock([conversation_id])
        alive = Conversation.objects.filter(pk=conversation_id, deleted_at=None)
        if not alive.update(deleted_at=now(), deleted_by=actor.id, updated_at=now()):
            raise querysets.not_found(conversation_id)
        audit.record("conversation.deleted", actor=actor, object_id=conversation_id, conversation_id=conversation_id)
        announce.unfollowed(querysets.user_ids_of(conversation_id), conversation_id)


def _create(actor: Actor, opening: Opening) -> UUID:
    conversation_id = uuid7()
    with audit.transaction():
        conversation = Conversation.objects.create(
            stream=streams.open_stream(conversation_id),
            kind=opening.kind,
            created_by_id=actor.id,
            **_pair(opening),
        )
        Membership.objects.bulk_create(
            [Membership(conversation=conversation, user=user, role=role) for user, role in _roles(opening)]
        )
        audit.record("conversation.created", actor=actor, object_id=conversation_id, conversation_id=conversation_id)
        announce.followed([opening.one.id, opening.other.id], conversation_id)
    return conversation_id


def _pair(opening: Opening) -> dict[str, object]:
    if opening.kind == Kind.CLINICAL:
        return {"patient": opening.one, "provider": opening.other}
    return {"pair_key": pair_key(opening.one.id, opening.other.id)}


def _roles(opening: Opening) -> list[tuple[User, Role]]:
    other = Role.OWNER if opening.kind == Kind.CLINICAL else Role.MEMBER
    return [(opening.one, Role.MEMBER), (opening.other, other)]
