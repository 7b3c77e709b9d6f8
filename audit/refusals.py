"""What people were refused. Handed over to the doors at start-up as `core.doors.record_refusal`.

The work is the same whether the id that was asked for exists or not, so its duration tells nothing. Somebody who tries
many ids does not fill the log: the first `INDIVIDUAL` refusals of a person in a minute are entries of their own, the
rest of that minute is counted and becomes one entry when the minute is over.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from audit import log
from audit.entries import Note, write
from audit.models import Burst
from audit.writer import EntryDraft, register, writer
from core import measuring
from core.actor import Actor
from core.errors import Refused
from core.ids import uuid7
from core.retention import Purged
from core.sql import stored
from core.time import now

INDIVIDUAL = 50
"""Refusals of one person in one minute that get entries of their own. The triggers of `audit_burst` know it too."""

COUNTED_FOR = timedelta(seconds=70)
"""How long a counter lives from the beginning of its minute: by then no process still stores a refusal for it."""

_MOST_AT_ONCE = 500

_bursts = measuring.counter("refusal_bursts", "How often one person was refused 50 times within a minute.")


class RefusalDraft(EntryDraft):
    """An `access.denied`: individually stored or only counted, as the minute of its actor has it."""


def record(actor: Actor, attempted: str, error: Refused) -> None:
    """Record that `actor` was refused; returns after COMMIT. For a thread that may use the database.

    Raises AuditUnavailable when it cannot be recorded: then the person gets that answer instead of the refusal.
    """
    draft = RefusalDraft(
        "access.denied",
        actor,
        object_id=error.subject_id,
        conversation_id=error.conversation_id,
        outcome="deny",
        reason=error.code,
        details={"attempted": attempted},
    )
    writer.submit(draft).result()


def _store(drafts: Sequence[RefusalDraft]) -> None:
    refused = _count(
        {draft.note.actor.id: draft.note.actor for draft in drafts}, Counter(d.note.actor.id for d in drafts)
    )
    for draft in drafts:
        refused[draft.note.actor.id] += 1
        if refused[draft.note.actor.id] <= INDIVIDUAL:
            log.add(draft.note)
        if refused[draft.note.actor.id] == INDIVIDUAL:
            transaction.on_commit(_bursts.inc)


def _count(actors: dict[UUID, Actor], more: Counter[UUID]) -> dict[UUID, int]:
    """Add `more` to this minute's refusals of each actor. Returns how many there were before."""
    minute = _minute(now())
    # In order of id: two processes that count the same people must not wait for each other.
    rows = [(stored(uuid7()), stored(actor), stored(minute), actors[actor].role, more[actor]) for actor in sorted(more)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_burst (id, actor, minute, actor_role, count)"  # noqa: S608 - only place-holders are put in
            f" VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))}"
            " ON CONFLICT (actor, minute) DO UPDATE SET count = audit_burst.count + excluded.count"
            " RETURNING actor, count",
            [value for row in rows for value in row],
        )
        totals = {UUID(str(actor)): count for actor, count in cursor.fetchall()}
    return {actor: total - more[actor] for actor, total in totals.items()}


def write_bursts(counted: "QuerySet[Burst]", took: Callable[[Purged], None]) -> int:
    """For some of these counters, each with more than `INDIVIDUAL` refusals: one entry with the number of the rest.

    The entries go in before the counters go, because the database lets go of no counter that the log does not tell of.
    Returns how many there were.
    """
    with transaction.atomic():
        bursts = list(counted.select_for_update().order_by("minute", "actor")[:_MOST_AT_ONCE])
        write([_rest(burst) for burst in bursts if burst.count > INDIVIDUAL])
        Burst.objects.filter(pk__in=[burst.pk for burst in bursts]).delete()
        took(Purged(len(bursts)))
    return len(bursts)


def _rest(burst: Burst) -> Note:
    return Note(
        "access.denied",
        Actor(id=burst.actor, role=burst.actor_role),
        object_id=burst.id,
        outcome="deny",
        reason="many_refusals",
        details={"count": burst.count - INDIVIDUAL, "minute": burst.minute.isoformat()},
    )


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


register(RefusalDraft, _store)
