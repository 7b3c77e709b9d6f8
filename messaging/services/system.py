"""Messages of the server itself, by the user `system`: what happened in a conversation, alerts of other services."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import audit
from accounts.models import Role, User
from core.actor import SYSTEM
from core.errors import NotFound
from messaging import querysets
from messaging.drafts import SendDraft, Sent
from messaging.models.conversation import Kind, Priority
from messaging.models.message import Type
from messaging.opening import Opening
from messaging.sanitizer import sanitize_content
from messaging.services.conversations import create_conversation
from messaging.writer import store_sends


def ensure_clinical_conversation(*, patient_id: UUID, provider_id: UUID) -> UUID:
    """The id of the conversation of this patient and this provider, opened by the system if there is none yet.

    For other services, which then say what there is to say:

        conversation_id = ensure_clinical_conversation(patient_id=…, provider_id=…)
        send_system_message(conversation_id=conversation_id, content=…, priority="urgent")

    Raises NotFound unless they are a patient and a provider who have not been disabled.
    """
    existing = querysets.conversation_between(Kind.CLINICAL, patient_id, provider_id, member=patient_id)
    if existing is not None:
        return existing.id
    opening = Opening(Kind.CLINICAL, _enabled(patient_id, Role.PATIENT), _enabled(provider_id, Role.PROVIDER))
    conversation_id, _ = create_conversation(actor=SYSTEM, subject=opening)
    return conversation_id


def send_system_message(
    *, conversation_id: UUID, content: str, priority: str = Priority.NORMAL.value, client_message_id: str | None = None
) -> dict[str, Any]:
    """Say something to everybody in a conversation; returns the Message after COMMIT.

    For jobs, commands and other services. The same `client_message_id` again is the same message. Raises NotFound for a
    conversation that does not exist, InvalidText for a text with nothing in it.
    """
    with audit.transaction():
        return post_system_message(conversation_id, content, priority, client_message_id)


def post_system_message(
    conversation_id: UUID,
    content: str,
    priority: str = Priority.NORMAL.value,
    client_message_id: str | None = None,
    *,
    about: Iterable[UUID] = (),
) -> dict[str, Any]:
    """The same as part of a change: inside its `audit.transaction()`, after everything else the change appends. `about`
    are the people whom it names or whose words it repeats: when one of them is erased it goes with what they said.

    It locks the stream itself and moves its head, so a `Stream` that was locked before must not be appended to again.
    """
    draft = SendDraft(
        actor=SYSTEM,
        conversation_id=conversation_id,
        content=sanitize_content(content, "plain"),
        type=Type.SYSTEM.value,
        priority=priority,
        client_message_id=client_message_id,
        about=tuple(about),
    )
    store_sends([draft])
    if isinstance(draft.outcome, BaseException):
        raise draft.outcome
    sent: Sent = draft.outcome
    return sent.message


def _enabled(user_id: UUID, role: str) -> User:
    user = User.objects.filter(id=user_id, role=role, is_active=True).first()
    if user is None:
        raise NotFound(subject_id=user_id)
    return user
