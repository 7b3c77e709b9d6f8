"""What is held: nothing of it is removed, whoever asks, until the hold is lifted.

    with audit.transaction():
        require_not_held(conversation.id)         one of them; raises LegalHold
        …

    with audit.transaction():                     a batch of a rule
        freeze()
        Message.objects.filter(not_held("conversation_id"), …)[:1000]

A hold covers what it is about as that is now: a person's hold covers the conversation they join a minute later.
"""

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q, QuerySet

from core.errors import LegalHold as Held
from retention import wiring
from retention.models import LegalHold, TargetKind

_LOCK = 0x6D78_686F_6C64_7301  # "mxholds", 1: a number nothing else in this database locks


def require_not_held(conversation_id: UUID) -> None:
    """Raises LegalHold (409) when something of this conversation must stay. Inside the transaction that is to remove
    it: until that ends nobody places a hold."""
    if held_conversations([conversation_id]):
        raise Held()


def held_conversations(conversation_ids: Collection[UUID]) -> set[UUID]:
    """Which of these conversations are held, until the end of the present transaction. One short query while there is
    no hold at all, and one more for each kind of hold that there is."""
    freeze()
    held: set[UUID] = set()
    for kind in _kinds():
        covered = Q(conversation_id__in=list(conversation_ids))
        if kind == TargetKind.CONVERSATION:
            held |= set(_targets(kind).filter(target_id__in=list(conversation_ids)))
        else:
            held |= set(wiring.conversations_of(kind, _targets(kind)).filter(covered).distinct())
    return held


def require_person_not_held(user_id: UUID, record_ids: Collection[UUID] = ()) -> None:
    """Raises LegalHold (409) when this person must stay known: a hold is on them, on one of these patient records of
    theirs, or covers a conversation that they ever were in. Inside the transaction that is to erase them."""
    freeze()
    here = Q(target_kind=TargetKind.USER, target_id=user_id)
    here |= Q(target_kind=TargetKind.PATIENT_RECORD, target_id__in=list(record_ids))
    if LegalHold.objects.filter(here, lifted_at=None).exists():
        raise Held()
    if not _kinds():
        return
    conversations = wiring.conversations_of(
        TargetKind.USER, get_user_model().objects.filter(pk=user_id).values_list("pk", flat=True)
    )
    if held_conversations(list(conversations.distinct())):
        raise Held()


def not_held(conversation: str = "conversation_id", person: str = "") -> Q:
    """The condition for rows of no held conversation and of no held person: the names are columns of the rows, or ways
    to them (`session__user_id`); an empty name asks nothing. A column that is NULL is not held.

    For batches: call `freeze()` first, in the same transaction.
    """
    condition = Q()
    if conversation:
        condition &= ~Q(**{f"{conversation}__in": _targets(TargetKind.CONVERSATION)})
        for kind in (TargetKind.USER, TargetKind.PATIENT_RECORD):
            condition &= ~Q(**{f"{conversation}__in": wiring.conversations_of(kind, _targets(kind))})
    if person:
        condition &= ~Q(**{f"{person}__in": _targets(TargetKind.USER)})
    return condition


def freeze() -> None:
    """Until the end of the present transaction nobody places a hold: what is not held now is not held at COMMIT.

    On SQLite whoever writes is alone anyway. Raises RuntimeError outside a transaction.
    """
    _lock("pg_advisory_xact_lock_shared")


def freeze_alone() -> None:
    """For whoever places a hold: what is being removed is waited for, and what comes next sees the hold."""
    _lock("pg_advisory_xact_lock")


def _lock(function: str) -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("what is held is asked in the transaction that removes what is not")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_LOCK])


def _kinds() -> list[str]:
    """What there are holds on now."""
    return list(LegalHold.objects.filter(lifted_at=None).order_by().values_list("target_kind", flat=True).distinct())


def _targets(kind: str) -> "QuerySet[LegalHold, UUID]":
    return LegalHold.objects.filter(lifted_at=None, target_kind=kind).order_by().values_list("target_id", flat=True)
