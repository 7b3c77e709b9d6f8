"""How people become what others are told of them."""

from typing import Any

from accounts.models import PatientRecord, User
from core.time import wire_time
from encryption.formats import Undecryptable
from realtime.presence import Status


def presence_out(user: User, status: str) -> dict[str, Any]:
    """Somebody's presence as others see it: what they say of themselves while they are there, else when they were."""
    presence = {"userId": str(user.id), "status": str(status)}
    if status == Status.OFFLINE:
        return presence | ({"lastSeenAt": wire_time(user.last_seen_at)} if user.last_seen_at else {})
    words = _custom_status(user)
    return presence | ({"customStatus": words} if words else {})


def _custom_status(user: User) -> str | None:
    try:
        return user.custom_status
    except Undecryptable:
        # One damaged value must not cost a whole list; whether somebody is there is known without it.
        return None


def patient_record_out(record: PatientRecord) -> dict[str, Any]:
    """A record as who works with records sees it. One that cannot be opened says so, and a list of them is served."""
    wire = {
        "id": str(record.id),
        **_opened(record),
        "createdBy": str(record.created_by_id),
        "createdAt": wire_time(record.created_at),
        "updatedAt": wire_time(record.updated_at),
    }
    return wire | ({"userId": str(record.user_id)} if record.user_id else {})


def _opened(record: PatientRecord) -> dict[str, Any]:
    try:
        opened = {"mrn": record.mrn, "name": record.name}
        return opened | ({"birthDate": record.birth_date} if record.birth_date else {})
    except Undecryptable:
        return {"mrn": None, "name": None, "contentError": "undecryptable"}
