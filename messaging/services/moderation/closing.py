"""Dismissing a report, and writing notes about one."""

from uuid import UUID

import audit
from core.actor import Actor
from core.errors import Conflict, TooLarge
from core.ids import uuid7
from encryption.formats import blob_epoch
from encryption.keyring import keyring
from messaging.models import Report, ReportNote
from messaging.models.report import Deed, Outcome, State
from messaging.sanitizer import sanitize_content
from messaging.services.moderation.cases import act, find, write_down

NOTE_KIND = "report_note"
LONGEST_NOTE = 4000


def dismiss(*, actor: Actor, report_id: UUID, version: int) -> Report:
    """Nothing is done about it. Raises Conflict when a measure was taken already."""

    def leave(report: Report) -> bool:
        if report.state == State.SETTLED and report.outcome != Outcome.DISMISSED:
            raise Conflict("A measure was taken upon this report: it cannot be dismissed.")
        return report.state == State.OPEN

    return act(actor, report_id, version, Deed.DISMISSED, leave)


def add_note(*, actor: Actor, report_id: UUID, text: str) -> ReportNote:
    """Something for other moderators to know, also of a report that is settled; nobody changes or removes it.

    Sealed under the key of the evidence, so that it is destroyed with it. Raises InvalidText for a text with nothing in
    it, TooLarge for more than 4,000 characters, Shredded when that key is gone.
    """
    if len(text) > LONGEST_NOTE:
        raise TooLarge(f"A note has at most {LONGEST_NOTE:,} characters.")
    clean = sanitize_content(text)
    with audit.transaction():
        report = find(actor, report_id, Deed.NOTED)
        note = ReportNote(id=uuid7(), report=report, author_id=actor.id)
        note.body = _sealed(report, note, clean)
        note.save(force_insert=True)
        write_down(actor, report, Deed.NOTED)
    return note


def _sealed(report: Report, note: ReportNote, text: str) -> bytes:
    return keyring().seal(
        report.conversation_id,
        object_id=note.id,
        sender_id=note.author_id,
        revision=0,
        kind=NOTE_KIND,
        payload={"text": text},
        epoch=blob_epoch(report.evidence),
    )
