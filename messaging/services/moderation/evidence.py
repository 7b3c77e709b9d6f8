"""Opening the evidence: the one place where staff read what people wrote to each other. Each time is recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import audit
from accounts.models import User
from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import Shredded
from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging.models import Report, ReportNote
from messaging.models.report import Deed
from messaging.services.moderation.cases import find, write_down
from messaging.services.moderation.closing import NOTE_KIND
from messaging.services.reporting import evidence_of


class Note(NamedTuple):
    """What a moderator wrote; `text` is None when it cannot be opened."""

    author: User
    at: datetime
    text: str | None


@dataclass(frozen=True)
class Evidence:
    """What was sealed with a report, opened.

    `messages` are the reported one and its neighbours in their order, as they stood on the wire; `note` is what the
    reporter said. `people` are those who wrote them. `error` is `undecryptable` or `shredded` when it cannot be opened,
    and then there is nothing else. Notes are those of moderators.
    """

    messages: list[dict[str, Any]]
    note: str
    people: dict[str, User]
    notes: list[Note]
    error: str = ""


def open_evidence(*, actor: Actor, report_id: UUID) -> Evidence:
    """Read what a report is about; recorded as `report.opened` before anything is shown, every time.

    Raises NotFound, and Forbidden for whoever was not given the right: superusers do not have it by themselves.
    """
    with audit.transaction():
        report = find(actor, report_id, Deed.OPENED)
        write_down(actor, report, Deed.OPENED)
    keyring().preload_blobs((report.conversation_id, blob) for blob in _blobs(report))
    notes = _notes(actor, report)
    try:
        sealed = evidence_of(report)
    except Undecryptable:
        _record_unreadable(actor, report, "evidence")
        return Evidence([], "", {}, notes, "undecryptable")
    except Shredded:
        return Evidence([], "", {}, notes, "shredded")
    messages = sorted([sealed["message"], *sealed["context"]], key=lambda wire: int(wire["seq"]))
    writers = User.objects.in_bulk({UUID(wire["senderId"]) for wire in messages})
    return Evidence(messages, sealed["note"], {str(id_): user for id_, user in writers.items()}, notes)


def _blobs(report: Report) -> list[bytes | memoryview]:
    return [report.evidence, *(note.body for note in report.notes.all())]


def _notes(actor: Actor, report: Report) -> list[Note]:
    notes = report.notes.select_related("author").order_by("id")
    return [Note(note.author, note.created_at, _text(actor, report, note)) for note in notes]


def _record_unreadable(actor: Actor, report: Report, what: str) -> None:
    """Somebody has altered it, or what it is bound to."""
    where = {"object_id": report.id, "conversation_id": report.conversation_id}
    writer.submit(EntryDraft("report.unreadable", actor, reason=what, **where)).result()


def _text(actor: Actor, report: Report, note: ReportNote) -> str | None:
    try:
        payload = keyring().open_sealed(
            note.body,
            report.conversation_id,
            object_id=note.id,
            sender_id=note.author_id,
            revision=0,
            kind=NOTE_KIND,
        )
    except Undecryptable:
        _record_unreadable(actor, report, "note")
        return None
    except Shredded:
        return None
    return str(payload["text"])
