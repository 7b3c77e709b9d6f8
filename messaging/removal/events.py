"""The bodies of events that are about no message: who was renamed, what a room was called. Their numbers stay.

An event about a message has no body: what it shows goes with the message.
"""

from collections.abc import Iterator

from django.db.models import QuerySet

import audit
from core.actor import SYSTEM
from core.retention import Purged, Schedule
from messaging.removal.due import due_events
from messaging.removal.messages import leave_leftovers
from messaging.removal.pace import BATCH, Pace
from realtime.models import Event


def count_due(schedule: Schedule) -> Purged:
    """How many bodies would go."""
    return Purged(_due(schedule).count())


def blank_due(schedule: Schedule) -> Iterator[None]:
    """Take them out; each `next` is one committed batch, after a pause.

    No lock: the body of an event never changes otherwise, and nobody is told of it.
    """
    pace, due = Pace(), _due(schedule)
    while True:
        with pace.work(), audit.transaction():
            schedule.freeze()
            found = list(due.order_by("created_at", "id").values_list("id", "stream_id")[:BATCH])
            if not found:
                return
            blanked = Event.objects.filter(id__in=[id_ for id_, _ in found]).update(body=None)
            leave_leftovers({stream_id for _, stream_id in found})
            audit.record("events.removed", actor=SYSTEM, reason="retention", details={"events": blanked})
            schedule.took(Purged(blanked))
        yield
        pace.rest()


def _due(schedule: Schedule) -> QuerySet[Event]:
    return Event.objects.filter(due_events(schedule), body__isnull=False)
