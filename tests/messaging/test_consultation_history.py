"""The consultation history of a patient: GET /patient-records/{id}/messages."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import PatientRecord
from accounts.services import create_patient_record
from messaging import services
from tests.live import Server
from tests.messaging.rooms import open_direct, room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    entry_details,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person, client_for, make_person, open_clinical

pytestmark = pytest.mark.core


@pytest.fixture
def record(doc1: Person, pat1: Person) -> PatientRecord:
    """pat1's record."""
    actor = doc1.actor
    return create_patient_record(actor=actor, subject=actor, mrn="MRN 1", name="Paula Quint", user_id=pat1.id)


@pytest.fixture
def colleague(doc2: Person, server: Server) -> Iterator[httpx.Client]:
    with client_for(doc2, server) as client:
        yield client


def ask(client: httpx.Client, record: PatientRecord | str, **params: Any) -> httpx.Response:
    record_id = record.id if isinstance(record, PatientRecord) else record
    return client.get(f"{API}/patient-records/{record_id}/messages", params=params)


def history(client: httpx.Client, record: PatientRecord, **params: Any) -> list[Json]:
    found: list[Json] = answered(ask(client, record, **params))["results"]
    return found


def linked(client: httpx.Client, conversation_id: str, text: str, record: PatientRecord) -> Json:
    return send(client, conversation_id, text, patientRecordId=str(record.id))


def test_it_runs_across_my_conversations_the_newest_first(
    doctor: httpx.Client, c1: str, doc1: Person, doc2: Person, record: PatientRecord
) -> None:
    direct = open_direct(doc1, doc2)
    linked(doctor, c1, "Potassium is 3.4.", record)
    send(doctor, c1, "Nothing about a record.")
    linked(doctor, direct, "What do you make of 3.4?", record)
    linked(doctor, c1, "Please come by.", record)
    found = history(doctor, record)
    assert contents(found) == ["Please come by.", "What do you make of 3.4?", "Potassium is 3.4."]
    assert {message["patientRecordId"] for message in found} == {str(record.id)}


def test_each_message_is_as_it_is_elsewhere(
    doctor: httpx.Client, patient: httpx.Client, c1: str, record: PatientRecord
) -> None:
    first = linked(doctor, c1, "Potassium is 3.4.", record)
    answered(patient.put(f"{API}/conversations/{c1}/read", json={"seq": first["seq"]}))
    linked(doctor, c1, "And now?", record)
    assert history(doctor, record) == [
        answered(doctor.get(f"{API}/messages/{message['id']}")) for message in history(doctor, record)
    ]
    assert history(doctor, record)[-1]["status"] == "read"


def test_everybody_sees_what_was_said_where_they_are(
    doctor: httpx.Client,
    colleague: httpx.Client,
    server: Server,
    c1: str,
    doc1: Person,
    doc2: Person,
    adm1: Person,
    record: PatientRecord,
) -> None:
    linked(doctor, c1, "Between doctor and patient.", record)
    linked(doctor, open_direct(doc1, doc2), "Between doctors.", record)
    assert contents(history(colleague, record)) == ["Between doctors."]
    with client_for(adm1, server) as staff:
        assert answered(ask(staff, record)) == {"results": [], "nextCursor": None}


def test_who_joined_later_sees_what_was_said_since(
    doctor: httpx.Client, colleague: httpx.Client, doc1: Person, doc2: Person, record: PatientRecord
) -> None:
    room = room_of(doc1)
    linked(doctor, room, "Before.", record)
    answered(doctor.post(f"{API}/conversations/{room}/members", json={"userIds": [str(doc2.id)]}), 201)
    linked(doctor, room, "After.", record)
    assert contents(history(colleague, record)) == ["After."]
    assert doctor.delete(f"{API}/conversations/{room}/members/{doc2.id}").status_code in {200, 204}
    linked(doctor, room, "Later.", record)
    assert history(colleague, record) == []
    assert contents(history(doctor, record)) == ["Later.", "After.", "Before."]


def test_what_was_deleted_is_part_of_no_history(doctor: httpx.Client, c1: str, record: PatientRecord) -> None:
    kept, gone = linked(doctor, c1, "Kept.", record), linked(doctor, c1, "Gone.", record)
    answered(doctor.delete(f"{API}/messages/{gone['id']}"))
    answered(doctor.patch(f"{API}/messages/{kept['id']}", json={"content": "Kept, edited."}))
    assert contents(history(doctor, record)) == ["Kept, edited."]


def test_it_comes_in_pages(
    doctor: httpx.Client, colleague: httpx.Client, c1: str, doc1: Person, doc2: Person, record: PatientRecord
) -> None:
    other = create_patient_record(actor=doc1.actor, subject=doc1.actor, mrn="MRN 2", name="Pedro Quint")
    direct = open_direct(doc1, doc2)
    for number in range(5):
        linked(doctor, c1 if number % 2 else direct, f"{number}", record)
    seen: list[str | None] = []
    cursor: str | None = None
    while True:
        page = answered(ask(doctor, record, limit=2, **({"cursor": cursor} if cursor else {})))
        seen += contents(page["results"])
        if (cursor := page["nextCursor"]) is None:
            break
        last = cursor
    assert seen == ["4", "3", "2", "1", "0"]
    for client, asked in ((colleague, record), (doctor, other)):
        refused(ask(client, asked, cursor=last), 400, "invalid_cursor")
    refused(ask(doctor, record, limit=201), 400, "invalid")
    refused(ask(doctor, record, mrn="x"), 400, "unknown_param")


def test_others_get_404_like_a_random_id(
    patient: httpx.Client, doctor: httpx.Client, c1: str, record: PatientRecord
) -> None:
    linked(doctor, c1, "Potassium is 3.4.", record)
    problems = [refused(ask(patient, one), 404, "not_found") for one in (record, str(uuid4()))]
    assert same_but_for_the_request_id(*problems)
    refused(ask(doctor, str(uuid4())), 404, "not_found")


def test_looking_is_recorded_for_the_record_and_each_conversation(
    doctor: httpx.Client, c1: str, doc1: Person, doc2: Person, record: PatientRecord
) -> None:
    direct = open_direct(doc1, doc2)
    seqs = [linked(doctor, c1, text, record)["seq"] for text in ("One.", "Two.")]
    linked(doctor, direct, "Three.", record)
    history(doctor, record)
    assert [entry.object for entry in entries("patient_record.viewed", doc1)] == [record.id]
    viewed = {str(entry.conv): entry_details(entry) for entry in entries("messages.viewed", doc1)}
    assert viewed.keys() == {c1, direct}
    assert viewed[c1] == {"from_seq": seqs[0], "to_seq": seqs[1]}


def test_nothing_is_shown_that_cannot_be_recorded(
    doctor: httpx.Client, c1: str, record: PatientRecord, log_cannot_be_written: None
) -> None:
    refused(ask(doctor, record), 503, "audit_unavailable")


def test_more_conversations_cost_no_more_queries(doc1: Person, doctor: httpx.Client) -> None:
    # Of nobody in particular, so that it can be spoken of with everybody.
    record = create_patient_record(actor=doc1.actor, subject=doc1.actor, mrn="MRN 1", name="Paula Quint")

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            services.read_consultations(actor=doc1.actor, subject=record)
        return len(asked)

    def speak_of_it_with(username: str) -> None:
        linked(doctor, open_clinical(make_person(username, "patient"), doc1), "One.", record)
        queries()  # The key of the new conversation is in memory from here on.

    speak_of_it_with("first")
    few = queries()
    for number in range(5):
        speak_of_it_with(f"another-{number}")
    assert queries() == few <= 6
