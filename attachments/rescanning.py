"""Files without a verdict are shown to the scanner again: clamd was away, or busy, when they were uploaded.

One that makes clamd fall over is tried again too, but never before all others have had their turn; after a day without
a verdict it is discarded with everything else that was never sent (`attachments.sweeping`).
"""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

import audit
from attachments import scanning
from attachments.contents import contents
from attachments.details import open_details, seal_details
from attachments.models import Attachment, Status
from attachments.scanning import Result, Verdict
from attachments.scanning.standing import Standing, ask
from attachments.services import add_preview
from attachments.services.uploading import STATUS_OF
from attachments.storage import ObjectGone
from core.actor import SYSTEM
from core.errors import Shredded
from core.time import now
from encryption.formats import Undecryptable

_AT_A_TIME = 10.0
"""Seconds of one run; other work of the same worker waits meanwhile."""

_CANNOT_SAY = {Standing.NONE, Standing.UNAVAILABLE, Standing.TOO_OLD}

_SHORTEST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=20), timedelta(minutes=10)


def rescan() -> None:
    """Scan what is `scanning`, never tried first, then what was tried longest ago; for some seconds.

    Nothing happens while clamd does not answer, or its signatures are too old, or there is none: what waits for a
    scanner, because the process that took it has one, is not called clean by a worker that was given none. The first
    file without a verdict ends the run: it may be the file, or clamd. Raises StorageUnavailable.
    """
    end = time.monotonic() + _AT_A_TIME
    due = _due()
    if not due or ask() in _CANNOT_SAY:
        return
    for attachment_id in due:
        if time.monotonic() > end or not _rescan(attachment_id):
            return


def _due() -> list[UUID]:
    waiting = Attachment.objects.filter(status=Status.SCANNING, gone_at=None)
    in_turn = waiting.order_by(F("scanned_at").asc(nulls_first=True), "id")
    rows = in_turn.values_list("id", "created_at", "scanned_at")
    return [id_ for id_, created_at, tried_at in rows if _is_due(created_at, tried_at)]


def _is_due(created_at: datetime, tried_at: datetime | None) -> bool:
    """Each pause is as long as the file has waited until then, within bounds."""
    if tried_at is None:
        return True
    return now() - tried_at >= min(max(tried_at - created_at, _SHORTEST_PAUSE), _LONGEST_PAUSE)


def _rescan(attachment_id: UUID) -> bool:
    """Whether there is a verdict now, or nobody needs one any more."""
    attachment = Attachment.objects.filter(id=attachment_id, status=Status.SCANNING, gone_at=None).first()
    if attachment is None:
        return True
    try:
        result = scanning.scan(contents(attachment, open_details(attachment)))
    except (Undecryptable, Shredded, ObjectGone) as error:
        return _settle_unreadable(attachment, type(error).__name__)
    if result.verdict is Verdict.UNKNOWN:
        Attachment.objects.filter(id=attachment.id, status=Status.SCANNING).update(scanned_at=now())
        return False
    if result.verdict is Verdict.CLEAN:
        _settle_clean(attachment, result)
    else:
        _settle_blocked(attachment, result)
    return True


def _settle_clean(attachment: Attachment, result: Result) -> None:
    """Its preview first: nobody sees it without. Its description tells the verdict too, so that it is sealed anew."""
    add_preview(attachment)
    with audit.transaction():
        row = _waiting(attachment).select_for_update().first()
        if row is None:
            return
        _seal_verdict(row)
        _move(row, Status.CLEAN, result.scanner, record=row.record, record_revision=row.record_revision)
        audit.record(
            "file.cleared",
            actor=SYSTEM,
            object_id=row.id,
            conversation_id=row.conversation_id,
            object_hash=sha256(row.record or b"").digest(),
            details={"scanner": result.scanner},
        )


def _seal_verdict(row: Attachment) -> None:
    told = replace(open_details(row), status=Status.CLEAN.value)
    row.record_revision += 1
    row.record = seal_details(row.conversation_id, row.id, row.owner_id, row.record_revision, row.epoch, told)


def _settle_blocked(attachment: Attachment, result: Result) -> None:
    with audit.transaction():
        if _move(attachment, STATUS_OF[result.verdict], result.scanner):
            audit.record(
                "file.blocked",
                actor=SYSTEM,
                object_id=attachment.id,
                conversation_id=attachment.conversation_id,
                outcome="deny",
                reason=result.verdict,
                details={"scanner": result.scanner, "found": result.found},
            )


def _settle_unreadable(attachment: Attachment, why: str) -> bool:
    """What cannot be read cannot be scanned, today or later."""
    with audit.transaction():
        if _move(attachment, Status.UNSCANNABLE, ""):
            audit.record(
                "file.unreadable",
                actor=SYSTEM,
                object_id=attachment.id,
                conversation_id=attachment.conversation_id,
                reason=why,
            )
    return True


def _move(attachment: Attachment, status: Status, scanner: str, **more: Any) -> bool:
    """Make this true of a file that is `scanning`; one that is not any more stays as it is."""
    return bool(_waiting(attachment).update(status=status, scanner=scanner[:100], scanned_at=now(), **more))


def _waiting(attachment: Attachment) -> "QuerySet[Attachment]":
    return Attachment.objects.filter(id=attachment.id, status=Status.SCANNING, gone_at=None)
