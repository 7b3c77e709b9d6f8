"""Patient records: made, changed, looked at. Each look is recorded, with ids; numbers and names are in no entry.

keyed hash of the number  →  finds the record       the number itself, name, birth date  →  sealed for their row
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError

import audit
from accounts import querysets, record_numbers
from accounts.models import PatientRecord, Role
from audit.writer import EntryDraft, writer
from core.actor import Actor
from core.errors import Conflict, FieldError, Invalid, NotFound
from core.rest import read_cursor, sign_cursor
from core.time import now

_LIST = "patient-records"


class RecordsPage(NamedTuple):
    records: Sequence[PatientRecord]
    next_cursor: str | None


def list_patient_records(*, actor: Actor, subject: Actor, limit: int = 50, cursor: str | None = None) -> RecordsPage:
    """A page of all records, the newest first; one entry with the ids on it. Raises InvalidCursor."""
    before = None if cursor is None else UUID(read_cursor(_LIST, actor.id, cursor)[0])
    found = list(querysets.patient_records(before)[: limit + 1])
    page = found[:limit]
    if page:
        ids = [record.id for record in page]
        writer.submit(EntryDraft("patient_records.viewed", actor, details={"records": ids})).result()
    more = len(found) > limit
    return RecordsPage(page, sign_cursor(_LIST, actor.id, [str(page[-1].id)]) if more else None)


def view_patient_record(*, actor: Actor, subject: PatientRecord) -> PatientRecord:
    """One record, recorded as seen."""
    writer.submit(EntryDraft("patient_record.viewed", actor, object_id=subject.id)).result()
    return subject


def look_up_patient_record(*, actor: Actor, subject: Actor, mrn: str) -> PatientRecord:
    """The record with this medical record number, recorded as seen; raises NotFound when there is none.

    Either way it is one look by the number's hash and one entry in the log: the time tells as little as it can.
    """
    found = querysets.patient_record_by_hash(record_numbers.number_hash(mrn))
    if found is None:
        raise NotFound()
    return view_patient_record(actor=actor, subject=found)


def create_patient_record(
    *,
    actor: Actor,
    subject: Actor,
    mrn: str,
    name: str,
    birth_date: date | None = None,
    user_id: UUID | None = None,
) -> PatientRecord:
    """A new record, of the patient `user_id` if one is named.

    Number and name have been looked at (`serializers.PatientRecordIn`). Raises Conflict when there is a record with
    this number, Invalid for a birth date to come and for a person who is no patient, and NotFound for one the actor may
    not know of.
    """
    record = PatientRecord(created_by_id=actor.id)
    changed = _apply(actor, record, {"mrn": mrn, "name": name, "birth_date": birth_date, "user_id": user_id})
    _store(actor, record, changed, "patient_record.created")
    return record


def update_patient_record(*, actor: Actor, subject: PatientRecord, **changes: Any) -> PatientRecord:
    """Change what is named: `mrn`, `name`, `birth_date`, `user_id`; None takes the last two away.

    What changes nothing writes nothing. Raises as creating does.
    """
    with audit.transaction():
        record = querysets.locked_patient_record(subject.id)
        changed = _apply(actor, record, changes)
        if changed:
            _store(actor, record, changed, "patient_record.updated")
    return record


def _apply(actor: Actor, record: PatientRecord, changes: Mapping[str, Any]) -> list[str]:
    """Set what differs; returns the columns."""
    wanted = {name: changes[name] for name in ("mrn", "name", "user_id") if name in changes}
    if "mrn" in changes:
        wanted["mrn_h"] = record_numbers.number_hash(changes["mrn"])
    if "birth_date" in changes:
        wanted["birth_date"] = _past(changes["birth_date"])
    changed = [column for column, value in wanted.items() if record._state.adding or getattr(record, column) != value]
    for column in changed:
        setattr(record, column, wanted[column])
    if "user_id" in changed and record.user_id is not None:
        _require_patient(actor, record.user_id)
    return changed


def _past(day: date | None) -> str | None:
    # Compared with today in UTC: somebody born today may be entered on the far side of the date line tomorrow.
    if day is not None and day > now().date():
        raise _wrong("birthDate", "invalid", "A birth date does not lie in the future.")
    return None if day is None else day.isoformat()


def _require_patient(actor: Actor, user_id: UUID) -> None:
    if querysets.person(actor, user_id).role != Role.PATIENT:
        raise _wrong("userId", "invalid", "This person is no patient.")


def _store(actor: Actor, record: PatientRecord, changed: Sequence[str], verb: str) -> None:
    """Which fields, and not what is in them."""
    is_new = record._state.adding
    fields = None if is_new else [*changed, "updated_at"]
    details = {"fields": sorted(set(changed) - {"mrn_h"})}
    try:
        with audit.transaction():
            record.save(force_insert=is_new, update_fields=fields)
            audit.record(verb, actor=actor, object_id=record.id, details=details)
    except IntegrityError:
        # Without its cause: the database's message quotes the row.
        raise Conflict("There is a record with this number.") from None


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(field, code, message)])
