"""What clients may ask about patients in messaging."""

from accounts.events import finding
from core.doors import Receives
from messaging import serializers as shapes
from messaging import services
from messaging.events import answers

consultations = Receives(
    "patient-record:messages",
    schema=shapes.ConsultationsIn,
    find=finding.record,
    service=services.read_consultations,
    answer=answers.as_it_is,
    reply=shapes.ConsultationsOut,
    socket=False,
    summary="The messages linked to a patient record in one's own conversations, the newest first.",
)
