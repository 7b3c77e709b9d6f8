"""Actors and entries for the tests of the log: ids without rows, because an entry needs no more."""

from collections.abc import Iterable
from uuid import UUID

import audit
from audit.models import Entry
from core.actor import Actor
from core.ids import uuid7


def somebody(role: str = "patient") -> Actor:
    return Actor(id=uuid7(), role=role, session_id=uuid7(), address="192.0.2.7")


def record_some(count: int, *, details: bool = False) -> list[Entry]:
    """`count` entries, each committed by itself, in their order. Not about messages: there are none."""
    actor = somebody()
    for number in range(count):
        with audit.transaction():
            audit.record(
                "user.updated",
                actor=actor,
                object_id=uuid7(),
                conversation_id=actor.id,
                object_hash=bytes([number % 256]) * 32,
                details={"number": number} if details else None,
            )
    return list(Entry.objects.filter(actor=actor.id).order_by("id"))


def actions(actor: Actor) -> list[str]:
    """What the log says `actor` did, in order."""
    return list(Entry.objects.filter(actor=actor.id).order_by("id").values_list("action", flat=True))


def ids(entries: Iterable[Entry]) -> list[UUID]:
    return [entry.id for entry in entries]
