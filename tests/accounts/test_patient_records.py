"""Patient records: GET and POST /patient-records, POST /patient-records/lookup, GET and PATCH /patient-records/{id}."""

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import record_numbers, services
from accounts.models import PatientRecord
from core.time import now
from encryption.keyring import keyring
from tests.accounts.conftest import Rest, assert_problem, field_errors, recorded
from tests.messaging.talking import entry_details
from tests.people import Person, make_person

pytestmark = pytest.mark.core

PAULA = {"mrn": "MRN-004711", "name": "Paula Quint", "birthDate": "1957-03-02"}
OUTSIDERS = ("patient", "student", "instructor", "bot")


@pytest.fixture
def doctor(rest: Rest, doc1: Person) -> httpx.Client:
    return rest(doc1)


def create(client: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = client.post("/patient-records", json={**PAULA, **changes})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def lookup(client: httpx.Client, mrn: object) -> httpx.Response:
    return client.post("/patient-records/lookup", json={"mrn": mrn})


def patch(client: httpx.Client, record: dict[str, Any], **changes: Any) -> httpx.Response:
    return client.patch(f"/patient-records/{record['id']}", json=changes)


# ---- Making, reading, changing -----------------------------------------------------------------------------------


def test_a_record_is_made_read_and_found_by_its_number(doctor: httpx.Client, doc1: Person, pat1: Person) -> None:
    record = create(doctor, userId=str(pat1.id))
    assert record == {
        "id": record["id"],
        **PAULA,
        "userId": str(pat1.id),
        "createdBy": str(doc1.id),
        "createdAt": record["createdAt"],
        "updatedAt": record["updatedAt"],
    }
    assert doctor.get(f"/patient-records/{record['id']}").json() == record
    assert lookup(doctor, "MRN-004711").json() == record
    assert doctor.get("/patient-records").json() == {"results": [record], "nextCursor": None}


def test_what_is_not_known_is_absent(doctor: httpx.Client) -> None:
    answer = doctor.post("/patient-records", json={"mrn": "5", "name": "Nadia Petrova"}).json()
    assert {"birthDate", "userId"}.isdisjoint(answer)
    assert doctor.get(f"/patient-records/{answer['id']}").json() == answer


def test_staff_and_every_provider_work_with_them(rest: Rest, doctor: httpx.Client, doc2: Person, adm1: Person) -> None:
    record = create(doctor)
    for person in (doc2, adm1):
        client = rest(person)
        changed = patch(client, record, name=f"Paula {person.username}").json()
        assert client.get(f"/patient-records/{record['id']}").json() == changed
        assert changed["name"] == f"Paula {person.username}"


@pytest.mark.parametrize("spelling", ["MRN-004711", "mrn-004711", "  MRN -\u00a0004711 ", "ＭＲＮ-004711"])
def test_neither_spaces_nor_case_make_another_number(doctor: httpx.Client, spelling: str) -> None:
    record = create(doctor)
    assert lookup(doctor, spelling).json()["id"] == record["id"]
    assert_problem(doctor.post("/patient-records", json={"mrn": spelling, "name": "X"}), 409, "conflict")


@pytest.mark.parametrize("other", ["MRN-4711", "MRN004711", "004711", "MRN-004711-1"])
def test_zeros_and_dashes_do(doctor: httpx.Client, other: str) -> None:
    create(doctor)
    assert_problem(lookup(doctor, other), 404, "not_found")


def test_a_number_that_is_taken_conflicts_and_changes_nothing(doctor: httpx.Client) -> None:
    create(doctor)
    answer = doctor.post("/patient-records", json={**PAULA, "name": "Somebody Else"})
    assert_problem(answer, 409, "conflict")
    assert "004711" not in answer.text
    assert PatientRecord.objects.count() == 1
    assert len(recorded("patient_record.created")) == 1


def test_only_what_is_sent_changes(doctor: httpx.Client, pat1: Person) -> None:
    record = create(doctor, userId=str(pat1.id))
    changed = patch(doctor, record, name="Paula Quint-Berg").json()
    assert changed == {**record, "name": "Paula Quint-Berg", "updatedAt": changed["updatedAt"]}
    moved = patch(doctor, record, mrn="MRN-9", birthDate=None, userId=None).json()
    assert {"birthDate", "userId"}.isdisjoint(moved)
    assert lookup(doctor, "MRN-9").json() == moved
    assert_problem(lookup(doctor, "MRN-004711"), 404, "not_found")


def test_a_record_cannot_get_the_number_of_another(doctor: httpx.Client) -> None:
    create(doctor)
    other = create(doctor, mrn="other")
    assert_problem(patch(doctor, other, mrn="mrn-004711", name="Gone"), 409, "conflict")
    assert doctor.get(f"/patient-records/{other['id']}").json() == other
    assert patch(doctor, other, mrn="OTHER").json()["mrn"] == "OTHER"


@pytest.mark.parametrize("body", [{}, {"name": "Paula Quint"}, {"mrn": "MRN-004711", "birthDate": "1957-03-02"}])
def test_a_change_that_changes_nothing_writes_nothing(doctor: httpx.Client, body: dict[str, str]) -> None:
    record = create(doctor)
    assert patch(doctor, record, **body).json() == record
    assert not recorded("patient_record.updated")


# ---- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", OUTSIDERS)
def test_nobody_else_works_with_them(rest: Rest, doctor: httpx.Client, role: str) -> None:
    record = create(doctor)
    client = rest(make_person("outsider", role))
    assert_problem(client.get("/patient-records"), 403, "forbidden")
    assert_problem(client.post("/patient-records", json=PAULA), 403, "forbidden")
    for number in ("MRN-004711", "MRN-9"):
        assert_problem(lookup(client, number), 403, "forbidden")
    for path in (f"/patient-records/{record['id']}", f"/patient-records/{uuid4()}"):
        assert_problem(client.get(path), 404, "not_found")
        assert_problem(client.patch(path, json={"name": "Changed"}), 404, "not_found")
    assert doctor.get(f"/patient-records/{record['id']}").json() == record
    assert len(recorded("access.denied")) == 8


def test_the_patient_themselves_does_not_see_their_record(rest: Rest, doctor: httpx.Client, pat1: Person) -> None:
    record = create(doctor, userId=str(pat1.id))
    assert_problem(rest(pat1).get(f"/patient-records/{record['id']}"), 404, "not_found")


def test_nobody_is_asked_to_sign_in(rest: Rest, doctor: httpx.Client) -> None:
    record = create(doctor)
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/lookup"), ("GET", f"/{record['id']}")):
        assert_problem(rest().request(method, f"/patient-records{path}"), 401, "unauthenticated")


def test_a_random_id_answers_like_a_record_of_nobody(doctor: httpx.Client) -> None:
    assert_problem(doctor.get(f"/patient-records/{uuid4()}"), 404, "not_found")
    assert_problem(doctor.patch(f"/patient-records/{uuid4()}", json={}), 404, "not_found")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("mrn", "", "blank"),
        ("mrn", "   ", "blank"),
        ("mrn", None, "null"),
        ("mrn", 4711, "invalid"),
        ("mrn", "x" * 65, "max_length"),
        ("mrn", "47\n11", "invalid"),
        ("mrn", "47\u200b11", "invalid"),
        ("mrn", "47\u202e11", "invalid"),
        ("name", "", "blank"),
        ("name", "x" * 201, "max_length"),
        ("name", "two\nlines", "invalid"),
        ("name", "paula\u202etniuq", "invalid"),
        ("birthDate", "02.03.1957", "invalid"),
        ("birthDate", "1957-02-30", "invalid"),
        ("birthDate", 19570302, "invalid"),
        ("birthDate", (now() + timedelta(days=2)).date().isoformat(), "invalid"),
        ("userId", "x", "invalid"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(doctor: httpx.Client, field: str, value: object, code: str) -> None:
    record = create(doctor)
    for answer in (
        doctor.post("/patient-records", json={**PAULA, field: value}),
        patch(doctor, record, **{field: value}),
    ):
        assert_problem(answer, 400, "invalid")
        assert field_errors(answer) == {field: code}
        assert "004711" not in answer.text
    assert doctor.get("/patient-records").json()["results"] == [record]


@pytest.mark.parametrize("missing", ["mrn", "name"])
def test_number_and_name_are_required(doctor: httpx.Client, missing: str) -> None:
    answer = doctor.post("/patient-records", json={name: value for name, value in PAULA.items() if name != missing})
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {missing: "required"}


def test_whose_record_it_is_must_be_a_patient_one_can_see(
    rest: Rest, doctor: httpx.Client, doc2: Person, out1: Person, pat2: Person
) -> None:
    for stranger in (str(out1.id), str(uuid4())):
        assert_problem(doctor.post("/patient-records", json={**PAULA, "userId": stranger}), 404, "not_found")
    answer = doctor.post("/patient-records", json={**PAULA, "userId": str(doc2.id)})
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {"userId": "invalid"}
    record = create(doctor)
    assert_problem(patch(doctor, record, userId=str(out1.id)), 404, "not_found")
    assert patch(doctor, record, userId=str(pat2.id)).json()["userId"] == str(pat2.id)


def test_fields_and_parameters_that_do_not_exist_are_refused(doctor: httpx.Client) -> None:
    record = create(doctor)
    assert_problem(doctor.post("/patient-records", json={**PAULA, "mrnH": "x"}), 400, "unknown_field")
    assert_problem(patch(doctor, record, createdBy=str(uuid4())), 400, "unknown_field")
    assert_problem(patch(doctor, record, recordId=str(uuid4())), 400, "unknown_field")
    assert_problem(doctor.get("/patient-records", params={"mrn": "MRN-004711"}), 400, "unknown_param")
    assert_problem(doctor.post("/patient-records/lookup", params={"mrn": "x"}), 400, "unknown_param")
    assert_problem(doctor.get("/patient-records/lookup"), 405, "method_not_allowed")


# ---- Pages, costs, records ---------------------------------------------------------------------------------------


def test_the_list_comes_in_pages_the_newest_first(rest: Rest, doctor: httpx.Client, doc2: Person) -> None:
    made = [create(doctor, mrn=f"n{number}")["mrn"] for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = doctor.get("/patient-records", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [record["mrn"] for record in page["results"]]
        if (cursor := page["nextCursor"]) is None:
            break
        last = cursor
    assert seen == made[::-1]
    assert_problem(rest(doc2).get("/patient-records", params={"cursor": last}), 400, "invalid_cursor")
    assert_problem(doctor.get("/patient-records", params={"limit": 201}), 400, "invalid")


def test_a_page_costs_one_query(doc1: Person, connection_queries: CaptureQueriesContext) -> None:
    actor = doc1.actor
    for number in range(30):
        services.create_patient_record(actor=actor, subject=actor, mrn=f"n{number}", name="Paula Quint")
    before = len(connection_queries)
    page = services.list_patient_records(actor=actor, subject=actor, limit=20)
    assert len({(record.mrn, record.name) for record in page.records}) == 20
    assert len(connection_queries) - before == 1


def test_every_look_is_recorded(doctor: httpx.Client, doc1: Person) -> None:
    record = create(doctor)
    doctor.get(f"/patient-records/{record['id']}")
    lookup(doctor, "mrn-004711")
    doctor.get("/patient-records")
    viewed = recorded("patient_record.viewed")
    assert [(entry.actor, str(entry.object)) for entry in viewed] == [(doc1.id, record["id"])] * 2
    [listed] = recorded("patient_records.viewed")
    assert entry_details(listed) == {"records": [record["id"]]}


def test_a_number_that_is_not_there_is_recorded_as_refused(doctor: httpx.Client, doc1: Person) -> None:
    assert_problem(lookup(doctor, "MRN-9"), 404, "not_found")
    [entry] = recorded("access.denied")
    assert (entry.actor, entry.object, entry.reason) == (doc1.id, None, "not_found")
    assert "MRN" not in str(entry_details(entry))


def test_changes_are_recorded_by_the_names_of_their_fields(doctor: httpx.Client, doc1: Person) -> None:
    record = create(doctor)
    patch(doctor, record, mrn="MRN-9", name="Paula Quint")
    [made], [changed] = recorded("patient_record.created"), recorded("patient_record.updated")
    assert str(made.object) == str(changed.object) == record["id"]
    assert entry_details(changed) == {"fields": ["mrn"]}
    assert entry_details(made) == {"fields": ["birth_date", "mrn", "name", "user_id"]}


# ---- What is kept ------------------------------------------------------------------------------------------------


def test_number_name_and_birth_date_are_kept_encrypted(doctor: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "httpx")
    caplog.set_level(logging.CRITICAL, "httpcore")
    create(doctor, mrn="Canary7411", name="Canary Wharf", birthDate="1999-12-31")
    lookup(doctor, "canary7411")
    lookup(doctor, "canary7412")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_patientrecord")
        rows = repr([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()])
    assert "anary" not in rows
    assert "1999-12-31" not in rows
    assert not any("anary" in record.getMessage() for record in caplog.records)


def test_a_number_is_found_by_a_hash_under_its_own_key(doctor: httpx.Client) -> None:
    create(doctor)
    [stored] = PatientRecord.objects.values_list("mrn_h", flat=True)
    assert bytes(stored) == keyring().keyed_hash("mrn", b"mrn-004711") == record_numbers.number_hash("MRN-004711")
    assert bytes(stored) != keyring().keyed_hash("accounts.name", b"mrn-004711")


def test_a_damaged_record_costs_the_list_only_itself(doctor: httpx.Client) -> None:
    sound, damaged = create(doctor), create(doctor, mrn="other")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_patientrecord SET name = mrn WHERE mrn_h = %s", [record_numbers.number_hash("other")]
        )
    listed = doctor.get("/patient-records").json()["results"]
    assert listed[1] == sound
    assert (listed[0]["id"], listed[0]["name"], listed[0]["contentError"]) == (damaged["id"], None, "undecryptable")
