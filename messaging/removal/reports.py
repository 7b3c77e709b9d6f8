"""Reports that were settled long ago go, with their evidence, their notes and what was done about them."""

from collections.abc import Iterator

from django.db.models import QuerySet

import audit
from core.actor import SYSTEM
from core.retention import Purged, Schedule
from messaging.models import Report
from messaging.removal.messages import leave_leftovers
from messaging.removal.pace import Pace

_AT_ONCE = 200


def count_due(schedule: Schedule) -> Purged:
    return Purged(_due(schedule).count())


def remove_due(schedule: Schedule) -> Iterator[None]:
    """Remove them; each `next` is one committed batch, after a pause."""
    pace = Pace()
    while True:
        with pace.work(), audit.transaction():
            schedule.freeze()
            if not (found := list(_due(schedule).select_for_update().order_by("id")[:_AT_ONCE])):
                return
            schedule.took(remove(found, "retention"))
        yield
        pace.rest()


def remove(reports: list[Report], why: str) -> Purged:
    """In the transaction that is open."""
    Report.objects.filter(id__in=[report.id for report in reports]).delete()
    leave_leftovers({report.conversation_id for report in reports})
    for report in reports:
        audit.record(
            "report.removed", actor=SYSTEM, object_id=report.id, conversation_id=report.conversation_id, reason=why
        )
    return Purged(len(reports))


def _due(schedule: Schedule) -> QuerySet[Report]:
    """An open report is never old enough."""
    before = schedule.over()
    if before is None:
        return Report.objects.none()
    return Report.objects.filter(schedule.not_held(conversation="conversation_id"), settled_at__lt=before)
