"""How the reply to what was asked is made from what its service returns."""

from typing import Any

from accounts.models import PatientRecord
from accounts.rendering import patient_record_out
from accounts.services.patients import RecordsPage
from core.actor import Actor
from core.shapes import Data


def as_it_is(result: Data, actor: Actor) -> Data:
    return result


def record(result: PatientRecord, actor: Actor) -> Data:
    return patient_record_out(result)


def records(result: RecordsPage, actor: Actor) -> Data:
    return {"results": [patient_record_out(record) for record in result.records], "nextCursor": result.next_cursor}


def nothing(result: None, actor: Actor) -> dict[str, Any]:
    return {}
