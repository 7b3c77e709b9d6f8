"""What of the log goes: details after six years, counters within minutes. Entries and their chain stay."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import QuerySet

import audit
from audit.erasing import uncovered
from audit.models import Burst, Detail, Entry
from audit.refusals import COUNTED_FOR, write_bursts
from core.retention import Purged, RetentionRule, Schedule, keep
from core.sql import database_time

SIX_YEARS = timedelta(days=2192)
"""Six years with both of their leap days: never less than the six years of the triggers."""

_AT_ONCE = 1000


def _erasable(schedule: Schedule) -> "QuerySet[Detail]":
    """Details whose entries are old enough. By the database's clock too, which the triggers ask."""
    period = schedule.keep_for()
    if period is None:
        return Detail.objects.none()
    over = min(schedule.moment, database_time()) - period
    entries = Entry.objects.filter(uncovered(schedule.not_held), ts__lt=over, detail_h__isnull=False)
    return Detail.objects.filter(entry__in=entries)


def _due_details(schedule: Schedule) -> Purged:
    return Purged(_erasable(schedule).count())


def _erase_details(schedule: Schedule) -> Iterator[None]:
    erased = _AT_ONCE
    while erased == _AT_ONCE:
        with audit.transaction():
            schedule.freeze()
            some = list(_erasable(schedule).order_by("entry").values_list("entry", flat=True)[:_AT_ONCE])
            erased, _ = Detail.objects.filter(entry__in=some).delete()
            schedule.took(Purged(erased))
        yield


def _counted(schedule: Schedule) -> "QuerySet[Burst]":
    over = schedule.over()
    return Burst.objects.filter(minute__lt=over) if over is not None else Burst.objects.none()


def _due_counters(schedule: Schedule) -> Purged:
    return Purged(_counted(schedule).count())


def _write_counters(schedule: Schedule) -> Iterator[None]:
    while write_bursts(_counted(schedule), schedule.took):
        yield


RetentionRule(
    "audit.details",
    title="Details of audit entries",
    covers=("audit.Detail",),
    keep_for=SIX_YEARS,
    floor=SIX_YEARS,
    due=_due_details,
    purge=_erase_details,
)
RetentionRule(
    "audit.bursts",
    title="Counters of refusals",
    covers=("audit.Burst",),
    keep_for=COUNTED_FOR,
    fixed="each becomes an entry when its minute is over",
    due=_due_counters,
    purge=_write_counters,
)
keep("audit.Entry", "Ids, verbs and hashes only; a chain from which links are taken can no longer be verified.")
keep("audit.Seal", "The chain over the entries.")
keep("audit.Shortage", "One row, and only while the disk of the database is full.")
