"""The consultation history of a patient: messages linked to their record, across one's own conversations."""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID

from accounts.models import PatientRecord
from audit.writer import EntryDraft
from core.actor import Actor
from core.rest import read_cursor, sign_cursor
from messaging import querysets
from messaging.rendering import Wire
from messaging.rows import MessageRow
from messaging.showing import Showing, shown_to_each
from messaging.viewing import record_now, viewing_of


def read_consultations(*, actor: Actor, subject: PatientRecord, limit: int = 50, cursor: str | None = None) -> Wire:
    """A page of the messages linked to a record that the actor may see, the newest first: `{results, nextCursor}`.

    Recorded as a look at the record and, for each conversation, at the messages. Raises InvalidCursor.
    """
    list_name = f"consultations.{subject.id}"
    before = None if cursor is None else UUID(read_cursor(list_name, actor.id, cursor)[0])
    rows = querysets.messages_about(actor.id, subject.id, before, limit + 1)
    page = rows[:limit]
    wires = _shown(actor, page)
    record_now([EntryDraft("patient_record.viewed", actor, object_id=subject.id), *_viewings(actor, wires)])
    more = len(rows) > limit
    return {"results": wires, "nextCursor": sign_cursor(list_name, actor.id, [str(page[-1].id)]) if more else None}


def _shown(actor: Actor, rows: Sequence[MessageRow]) -> list[Wire]:
    """What was found as it is shown; not what lies in a conversation that the actor has left in this very moment."""
    sights = querysets.sights_of(actor.id, {row.conversation_id for row in rows})
    seen = [(row, sights[row.conversation_id]) for row in rows if row.conversation_id in sights]
    return shown_to_each([Showing(row, actor.id, sight) for row, sight in seen])


def _viewings(actor: Actor, wires: Sequence[Wire]) -> list[EntryDraft]:
    def place(wire: Wire) -> UUID:
        conversation_id: UUID = wire["conversationId"]
        return conversation_id

    found = groupby(sorted(wires, key=place), key=place)
    return [entry for conversation_id, seen in found for entry in viewing_of(actor, conversation_id, [*seen])]
