"""What a legal hold covers here, and what it can be placed on. Handed to retention (`messaging.wiring`)."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import PatientRecord, User
from core.actor import Actor
from messaging.models import Conversation, Membership, Message
from messaging.models.conversation import Kind
from messaging.models.message import Type
from messaging.rights import may
from retention import wiring
from retention.models import TargetKind


def conversations_of(kind: str, targets: wiring.Targets) -> "QuerySet[Any, UUID]":
    """As in `retention.wiring`. Stays that have ended count, and messages that were deleted."""
    if kind == TargetKind.USER:
        return Membership.objects.filter(user__in=targets).order_by().values_list("conversation_id", flat=True)
    return Message.objects.filter(patient_record__in=targets).order_by().values_list("conversation_id", flat=True)


def is_there(kind: str, target_id: UUID) -> bool:
    """As in `retention.wiring`."""
    model: Any = {
        TargetKind.USER: User,
        TargetKind.PATIENT_RECORD: PatientRecord,
        TargetKind.CONVERSATION: Conversation,
    }[TargetKind(kind)]
    return bool(model.objects.filter(pk=target_id).exists())


def _may(actor: Actor, right: str) -> bool:
    return right in may(actor, right)


SCOPE_VALUES = {
    "conversation_kind": frozenset(Kind.values),
    "message_type": frozenset(Type.values),
    "state": frozenset({"living", "deleted"}),
}


def wire() -> None:
    """Called once, by `messaging.wiring.wire`."""
    wiring.conversations_of = conversations_of
    wiring.is_there = is_there
    wiring.may = _may
    wiring.scope_values = SCOPE_VALUES
