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
    description="Every provider and member of staff sees it, and may change it.",
    examples={
        "With an account": {
            "mrn": "MRN 0042",
            "name": "Paula Quint",
            "birthDate": "1980-02-29",
            "userId": "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d01",
        }
    },
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
    examples={"By number": {"mrn": "MRN 0042"}},
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
    examples={"Another name": {"recordId": "0192f0e0-0a11-7d52-9c33-1f2e3d4c5b6a", "name": "Paula Berg"}},
)
