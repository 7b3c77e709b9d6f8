"""Whether what was restored is whole: the log, the counters, and a sample of what was said, opened."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from attachments.contents import contents
from attachments.details import open_details
from attachments.models import Attachment, Status
from attachments.storage import ObjectGone, StorageUnavailable
from audit.verify import verify as verify_log
from core.errors import AppError, Shredded
from core.process import require_preconditions
from encryption.formats import Undecryptable
from messaging import querysets, recounting
from messaging.bodies import open_body
from messaging.models import Message, Report
from messaging.services.reporting import evidence_of

MESSAGES, REPORTS, FILES = 200, 50, 20
"""How many of each are opened, taken from all times."""

_random = SystemRandom()


@dataclass
class Sample:
    """Of one kind: how many opened, how many were shredded, and the ids of those that do not open."""

    opened: int = 0
    shredded: int = 0
    damaged: list[str] = field(default_factory=list)


@dataclass
class Checked:
    """What a check of everything found."""

    log: list[str] = field(default_factory=list)
    log_entries: int = 0
    counters: list[str] = field(default_factory=list)
    messages: Sample = field(default_factory=Sample)
    reports: Sample = field(default_factory=Sample)
    files: Sample = field(default_factory=Sample)

    @property
    def is_sound(self) -> bool:
        damaged = [*self.messages.damaged, *self.reports.damaged, *self.files.damaged]
        return not (self.log or self.counters or damaged)


def check(*, with_files: bool) -> Checked:
    """Check this database as a server would find it: the ledger is followed first."""
    require_preconditions()
    log, counters = verify_log(), recounting.verify()
    return Checked(
        log=[problem.what for problem in log.problems],
        log_entries=log.links + log.unsealed,
        counters=[problem.what for problem in counters.problems],
        messages=_sampled(_messages(), lambda row: open_body(row)),
        reports=_sampled(_some(Report.objects.all(), REPORTS), lambda report: evidence_of(report)),
        files=_sampled(_files() if with_files else (), _read),
    )


def _messages() -> Iterable[Any]:
    living = Message.objects.filter(deleted_at=None).only("id")
    return querysets.messages_by_id([one.id for one in _some(living, MESSAGES)]).values()


def _files() -> Iterable[Any]:
    return _some(Attachment.objects.filter(status=Status.CLEAN, gone_at=None), FILES)


def _read(attachment: Attachment) -> None:
    for _ in contents(attachment, open_details(attachment)):
        pass


def _sampled(found: Iterable[Any], open_: Callable[[Any], object]) -> Sample:
    sample = Sample()
    for one in found:
        try:
            open_(one)
            sample.opened += 1
        except Shredded:
            sample.shredded += 1
        except (Undecryptable, ObjectGone, StorageUnavailable, AppError):
            sample.damaged.append(str(one.id))
    return sample


def _some(rows: "QuerySet[Any]", most: int) -> list[Any]:
    """So many of them, each as likely as any other, or all: in one pass over the ids (algorithm R: Vitter, 1985)."""
    ids: list[UUID] = []
    for number, id_ in enumerate(rows.order_by().values_list("id", flat=True).iterator()):
        if number < most:
            ids.append(id_)
        elif (place := _random.randrange(number + 1)) < most:
            ids[place] = id_
    return list(rows.filter(id__in=ids))
