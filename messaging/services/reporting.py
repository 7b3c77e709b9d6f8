"""Reporting a message: a sealed copy of what somebody complains about, kept whatever becomes of it."""

from typing import Any

import audit
from core.actor import Actor
from core.ids import uuid7
from encryption.keyring import keyring
from messaging import querysets
from messaging.bodies import load_keys
from messaging.models import Report
from messaging.rendering import Wire, event_message
from messaging.rows import NO_EXTRAS, MessageRow
from messaging.sanitizer import sanitize_content
from messaging.services.holding import hold, require_living

NEIGHBOURS = 5
"""Messages on each side that go with a report."""

_KIND = "report"


def report_message(
    *, actor: Actor, subject: MessageRow, reason: str, note: str = "", context: bool = False
) -> tuple[Report, bool]:
    """Ask moderators to look at a message; returns the report, and whether it was made just now.

    Each person reports a message once: a repeat changes nothing and gets the first report. The evidence is the message
    as it is now, and with `context` up to five messages before and behind it that the reporter can see. Nobody in the
    conversation is told. Raises Gone for a message that is gone.
    """
    with audit.transaction():
        row = hold(actor, subject).row
        if (known := Report.objects.filter(message=row.id, reporter=actor.id).first()) is not None:
            return known, False
        require_living(row)
        around = _around(actor, row) if context else []
        report = Report(
            id=uuid7(),
            message_id=row.id,
            conversation_id=row.conversation_id,
            author_id=row.sender_id,
            reporter_id=actor.id,
            reason=reason,
        )
        report.evidence = _sealed(report, row, around, sanitize_content(note) if note.strip() else "")
        report.save(force_insert=True)
        audit.record(
            "message.reported",
            actor=actor,
            object_id=row.id,
            conversation_id=row.conversation_id,
            details={"report": report.id, "reason": reason, "context": len(around)},
        )
    return report, True


def evidence_of(report: Report) -> dict[str, Any]:
    """What was sealed: `{message, context, note}`, messages as they stood on the wire.

    Raises Undecryptable when the report or anything it is bound to was altered, Shredded when the key of the
    conversation was destroyed. Whoever shows it records that.
    """
    return keyring().open_sealed(
        report.evidence,
        report.conversation_id,
        object_id=report.id,
        sender_id=report.reporter_id,
        revision=0,
        kind=_KIND,
    )


def _sealed(report: Report, row: MessageRow, around: list[MessageRow], note: str) -> bytes:
    rows = [row, *around]
    load_keys(rows)
    extras = querysets.extras_of(rows)
    message, *context = [event_message(one, extras.get(one.id, NO_EXTRAS)) for one in rows]
    return keyring().seal(
        row.conversation_id,
        object_id=report.id,
        sender_id=report.reporter_id,
        revision=0,
        kind=_KIND,
        payload={"message": message, "context": sorted(context, key=_seq), "note": note},
    )


def _around(actor: Actor, row: MessageRow) -> list[MessageRow]:
    """The neighbours this person can see and that are not gone."""
    before = querysets.page(actor.id, row.conversation_id, row.seq, None, NEIGHBOURS)
    behind = querysets.page(actor.id, row.conversation_id, None, row.seq, NEIGHBOURS)
    return [one for one in (*before, *behind) if not one.is_gone]


def _seq(wire: Wire) -> int:
    seq: int = wire["seq"]
    return seq
