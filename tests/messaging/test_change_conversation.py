"""Changing a conversation for everybody, for oneself, and taking it away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.contrib.auth.models import Permission

from core.time import now, wire_time
from messaging.models import Conversation, Message
from tests.live import Server
from tests.messaging.talking import (
    Json,
    answered,
    entries,
    entry_details,
    head_of,
    open_room,
    refused,
    same_but_for_the_request_id,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import connect

RANDOM = "01890000-0000-7000-8000-000000000000"


def patch(client: httpx.Client, conversation_id: str, **body: object) -> httpx.Response:
    return client.patch(f"/api/v1/conversations/{conversation_id}", json=body)


def prefer(client: httpx.Client, conversation_id: str, **body: object) -> httpx.Response:
    return client.put(f"/api/v1/conversations/{conversation_id}/preferences", json=body)


def seen(client: httpx.Client, conversation_id: str) -> Json:
    return answered(client.get(f"/api/v1/conversations/{conversation_id}"))


# --- For everybody ----------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_everybody_is_told_what_changed(
    server: Server, pat1: Person, doc1: Person, doctor: httpx.Client, patient: httpx.Client, c1: str
) -> None:
    with connect(server, pat1.token) as client:
        changed = answered(patch(doctor, c1, priority="urgent"))
        event = client.next_event("conversation:updated")
        assert (event["seq"], event["data"], event["actorId"]) == (1, {"priority": "urgent"}, str(doc1.id))
    assert changed["priority"] == "urgent"
    assert seen(patient, c1)["priority"] == "urgent"
    [entry] = entries("conversation.updated", doc1)
    assert (str(entry.object), entry_details(entry)) == (c1, {"priority": "urgent"})


def test_the_same_again_changes_nothing(doctor: httpx.Client, doc1: Person, c1: str) -> None:
    answered(patch(doctor, c1, priority="normal"))
    answered(patch(doctor, c1))
    assert head_of(c1) == 0
    assert entries("conversation.updated", doc1) == []


def test_a_patient_does_not_decide_what_is_urgent(patient: httpx.Client, c1: str) -> None:
    refused(patch(patient, c1, priority="urgent"), 403, "forbidden")


def test_in_a_direct_conversation_both_do(server: Server, pat1: Person, doc1: Person, patient: httpx.Client) -> None:
    body = {"kind": "direct", "userId": str(doc1.id)}
    direct = answered(patient.post("/api/v1/conversations", json=body), 201)["id"]
    answered(patch(patient, direct, priority="urgent"))
    with client_for(doc1, server) as doctor:
        assert answered(patch(doctor, direct, priority="normal"))["priority"] == "normal"


@pytest.mark.parametrize("field", ["kind", "patientId", "createdBy", "headSeq", "conversationId", "myRole"])
def test_nothing_else_can_be_changed(doctor: httpx.Client, c1: str, field: str) -> None:
    """T051."""
    refused(patch(doctor, c1, **{field: RANDOM}), 400, "unknown_field")
    refused(patch(doctor, c1, priority="whenever"), 400, "invalid")


# --- For oneself ------------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_archiving_and_muting_is_for_oneself(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    assert answered(prefer(patient, c1, archived=True)) == {"archived": True, "muted": False}
    assert answered(prefer(patient, c1, muted=True)) == {"archived": True, "muted": True}
    mine, theirs = seen(patient, c1), seen(doctor, c1)
    assert (mine["archived"], mine["muted"], theirs["archived"], theirs["muted"]) == (True, True, False, False)
    assert answered(prefer(patient, c1, archived=False, muted=False)) == {"archived": False, "muted": False}
    assert [entry_details(entry) for entry in entries("membership.updated", pat1)] == [
        {"archived": True},
        {"muted": True},
        {"archived": False, "muted": False},
    ]


def test_the_same_preference_again_is_no_change(patient: httpx.Client, pat1: Person, c1: str) -> None:
    answered(prefer(patient, c1))
    answered(prefer(patient, c1, archived=False, mutedUntil=None))
    assert entries("membership.updated", pat1) == []


def test_muting_for_a_time_ends_by_itself(patient: httpx.Client, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    until = wire_time(now() + timedelta(hours=1))
    assert answered(prefer(patient, c1, mutedUntil=until)) == {"archived": False, "muted": True, "mutedUntil": until}
    assert seen(patient, c1)["mutedUntil"] == until
    monkeypatch.setattr("messaging.rendering.conversations.now", lambda: now() + timedelta(hours=2))
    later = seen(patient, c1)
    assert later["muted"] is False
    assert "mutedUntil" not in later


def test_unmuting_forgets_the_time(patient: httpx.Client, c1: str) -> None:
    answered(prefer(patient, c1, mutedUntil=wire_time(now() + timedelta(hours=1))))
    answered(prefer(patient, c1, muted=False))
    assert answered(prefer(patient, c1, muted=True)) == {"archived": False, "muted": True}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"mutedUntil": "2020-01-01T00:00:00Z"}, "invalid"),
        ({"mutedUntil": "2999-01-01T00:00:00Z", "muted": False}, "invalid"),
        ({"mutedUntil": "tomorrow"}, "invalid"),
        ({"mutedUntil": "2999-01-01"}, "invalid"),
        ({"mutedUntil": "2999-01-01T10:00:00"}, "invalid"),
        ({"mutedUntil": "2999-W01"}, "invalid"),
        ({"mutedUntil": "\u0662999-01-01T00:00:00Z"}, "invalid"),
        ({"mutedUntil": "9999-12-31T23:59:59-12:00"}, "invalid"),
        ({"archived": 1}, "invalid"),
        ({"archived": None}, "invalid"),
        ({"pinned": True}, "unknown_field"),
    ],
    ids=str,
)
def test_preferences_that_make_no_sense_are_refused(patient: httpx.Client, c1: str, body: Json, code: str) -> None:
    refused(prefer(patient, c1, **body), 400, code)


# --- Taking it away ---------------------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_deleted_conversation_is_gone_for_everybody_and_its_records_are_kept(
    server: Server, pat1: Person, doc1: Person, patient: httpx.Client, doctor: httpx.Client, c1: str
) -> None:
    message = send(patient, c1)
    with connect(server, pat1.token) as client:
        assert doctor.delete(f"/api/v1/conversations/{c1}").status_code == 204
        assert client.next_event("conversation:removed")["data"] == {"conversationId": c1}
        client.nothing_arrives()
    for one in (patient, doctor):
        refused(one.get(f"/api/v1/conversations/{c1}"), 404, "not_found")
        refused(one.get(f"/api/v1/messages/{message['id']}"), 404, "not_found")
        refused(one.get(f"/api/v1/conversations/{c1}/messages"), 404, "not_found")
        refused(prefer(one, c1, archived=True), 404, "not_found")
        assert answered(one.get("/api/v1/conversations"))["results"] == []
    refused(doctor.delete(f"/api/v1/conversations/{c1}"), 404, "not_found")
    assert Message.objects.count() == 1
    assert Conversation.objects.get().deleted_by == doc1.user
    [entry] = entries("conversation.deleted", doc1)
    assert str(entry.object) == c1


def test_only_the_owner_deletes(patient: httpx.Client, pat1: Person, c1: str) -> None:
    refused(patient.delete(f"/api/v1/conversations/{c1}"), 403, "forbidden")
    assert [entry.reason for entry in entries("access.denied", pat1)] == ["forbidden"]


def test_nobody_owns_a_direct_conversation(server: Server, patient: httpx.Client, doc1: Person, adm1: Person) -> None:
    body = {"kind": "direct", "userId": str(doc1.id)}
    direct = answered(patient.post("/api/v1/conversations", json=body), 201)["id"]
    refused(patient.delete(f"/api/v1/conversations/{direct}"), 403, "forbidden")
    with client_for(adm1, server) as admin:
        assert admin.delete(f"/api/v1/conversations/{direct}").status_code == 204


def test_staff_delete_with_the_right_only(server: Server, c1: str, patient: httpx.Client) -> None:
    staff = make_person("staff1", "staff", is_staff=True)
    with client_for(staff, server) as client:
        refused(client.delete(f"/api/v1/conversations/{c1}"), 404, "not_found")
        staff.user.user_permissions.add(Permission.objects.get(codename="moderate_conversation"))
        refused(client.get(f"/api/v1/conversations/{c1}"), 404, "not_found")
        assert client.delete(f"/api/v1/conversations/{c1}").status_code == 204
        refused(client.delete(f"/api/v1/conversations/{RANDOM}"), 404, "not_found")


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    problems = []
    for conversation_id in (c1, RANDOM):
        problems += [
            refused(patch(stranger, conversation_id, priority="urgent"), 404, "not_found"),
            refused(prefer(stranger, conversation_id, archived=True), 404, "not_found"),
            refused(stranger.delete(f"/api/v1/conversations/{conversation_id}"), 404, "not_found"),
        ]
    assert same_but_for_the_request_id(*problems)
    assert seen(patient, c1)["priority"] == "normal"


def test_without_a_record_nothing_is_changed(
    doctor: httpx.Client, patient: httpx.Client, c1: str, log_cannot_be_written: None
) -> None:
    refused(patch(doctor, c1, priority="urgent"), 503, "audit_unavailable")
    refused(prefer(patient, c1, archived=True), 503, "audit_unavailable")
    refused(doctor.delete(f"/api/v1/conversations/{c1}"), 503, "audit_unavailable")
    conversation = Conversation.objects.get()
    assert (conversation.priority, conversation.deleted_at) == ("normal", None)
    assert not conversation.memberships.filter(archived=True).exists()


def test_of_two_who_delete_at_the_same_time_one_does(server: Server, doc1: Person, adm1: Person, c1: str) -> None:
    with client_for(doc1, server) as doctor, client_for(adm1, server) as admin, ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda client: client.delete(f"/api/v1/conversations/{c1}"), [doctor, admin])
    assert sorted(answer.status_code for answer in answers) == [204, 404]
    assert len(entries("conversation.deleted")) == 1


def test_a_room_of_a_course_names_it(server: Server, pat1: Person, doc1: Person) -> None:
    room = open_room(pat1, doc1, course_id="BIO-101")
    with client_for(pat1, server) as client:
        conversation = seen(client, room)
    assert (conversation["courseId"], conversation["kind"], conversation["myRole"]) == ("BIO-101", "group", "owner")
