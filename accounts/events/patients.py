"""What clients may ask about patient records."""

from accounts import policies, services
from accounts import serializers as shapes
from accounts.events import answers, finding
from core.doors import Receives

list_all = Receives(
    "patient-record:list",
    schema=shapes.PatientRecordListIn,
    find=finding.oneself,
    permission=policies.can_keep_records,
    service=services.list_patient_records,
    answer=answers.records,
    reply=shapes.PatientRecordsOut,
    socket=False,
    summary="The patient records, the newest first.",
)
create = Receives(
    "patient-record:create",
    schema=shapes.PatientRecordIn,
    find=finding.oneself,
    permission=policies.can_keep_records,
    service=services.create_patient_record,
    answer=answers.record,
    reply=shapes.PatientRecordOut,
    socket=False,
    summary="A new patient record.",
)
lookup = Receives(
    "patient-record:lookup",
    schema=shapes.LookupIn,
    find=finding.oneself,
    permission=policies.can_keep_records,
    service=services.look_up_patient_record,
    answer=answers.record,
    reply=shapes.PatientRecordOut,
    socket=False,
    summary="The patient record with this medical record number.",
)
get = Receives(
    "patient-record:get",
    schema=shapes.PatientRecordIdIn,
    find=finding.record,
    service=services.view_patient_record,
    answer=answers.record,
    reply=shapes.PatientRecordOut,
    socket=False,
    summary="One patient record.",
)
update = Receives(
    "patient-record:update",
    schema=shapes.PatientRecordPatchIn,
    find=finding.record,
    service=services.update_patient_record,
    answer=answers.record,
    reply=shapes.PatientRecordOut,
    socket=False,
    summary="Change a patient record.",
)
