"""Reporting a message to moderators."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.sql import stored as column
from encryption.formats import Undecryptable
from messaging.models import Membership, Report
from messaging.models.report import Reason
from messaging.serializers import ReportOut
from messaging.services import evidence_of
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import (
    API,
    Json,
    answered,
    contents,
    entries,
    entry_details,
    head_of,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.messaging.test_shapes_and_rules import matches
from tests.people import Person, client_for, make_person
from tests.sockets import connect


def report(client: httpx.Client, message_id: object, reason: object = "harassment", **more: object) -> httpx.Response:
    return client.post(f"{API}/messages/{message_id}/report", json={"reason": reason, **more})


def evidence(reported: Json) -> dict[str, Any]:
    return evidence_of(Report.objects.select_related("message").get(id=reported["id"]))


@pytest.mark.core
def test_the_message_is_kept_as_it_was_whatever_becomes_of_it(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(doctor, c1, "an insult")
    with connect(server, pat1.token) as own:
        reported = answered(report(patient, message["id"], note="He does that all the time."), 201)
        matches(ReportOut, reported)
        assert (reported["messageId"], reported["reason"]) == (message["id"], "harassment")
        own.nothing_arrives()
    kept = {**message, "status": "sent"}
    assert evidence(reported) == {"message": kept, "context": [], "note": "He does that all the time."}
    answered(doctor.patch(f"{API}/messages/{message['id']}", json={"content": "harmless"}))
    assert evidence(reported)["message"]["content"] == "an insult"
    answered(doctor.delete(f"{API}/messages/{message['id']}"))
    assert evidence(reported)["message"]["content"] == "an insult"
    assert head_of(c1) == 3


def test_with_context_go_the_neighbours_that_the_reporter_sees(
    server: Server, teacher: Person, as_teacher: httpx.Client
) -> None:
    room = room_of(teacher)
    messages = say(teacher, room, *[str(number) for number in range(1, 15)])
    answered(as_teacher.delete(f"{API}/messages/{messages[6]['id']}"))
    newcomer = make_person("newcomer", "student")
    Membership.objects.create(conversation_id=room, user=newcomer.user, joined_seq=4)
    with client_for(newcomer, server) as client:
        whole = answered(report(client, messages[5]["id"], context=True), 201)
        bare = answered(report(client, messages[8]["id"], context=False), 201)
    assert contents(evidence(whole)["context"]) == ["4", "5", "8", "9", "10", "11"]
    assert evidence(bare)["context"] == []


@pytest.mark.core
def test_each_person_reports_a_message_once(pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client) -> None:
    message = send(doctor, c1)
    first = answered(report(patient, message["id"], "spam"), 201)
    assert answered(report(patient, message["id"], "threat", note="again"), 200) == first
    assert Report.objects.count() == 1
    assert evidence(first)["note"] == ""
    assert len(entries("message.reported", pat1)) == 1


def test_one_entry_without_a_word_of_it(pat1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client) -> None:
    message = send(doctor, c1)
    reported = answered(report(patient, message["id"], "privacy", note="secret", context=True), 201)
    [entry] = entries("message.reported", pat1)
    assert (str(entry.object), str(entry.conv)) == (message["id"], c1)
    assert entry_details(entry) == {"report": reported["id"], "reason": "privacy", "context": 0}


def test_evidence_and_note_are_stored_sealed(c1: str, patient: httpx.Client, doctor: httpx.Client) -> None:
    message = send(doctor, c1, "canary-of-a-message")
    answered(report(patient, message["id"], note="canary-of-a-note"), 201)
    assert b"canary" not in bytes(Report.objects.get().evidence)


def test_evidence_opens_only_where_it_was_put(
    c1: str, patient: httpx.Client, doctor: httpx.Client, tamper: Callable[..., int], doc1: Person
) -> None:
    one, other = send(doctor, c1, "one"), send(doctor, c1, "other")
    first, second = (answered(report(patient, message["id"]), 201) for message in (one, other))
    evidence(first)
    one_id, other_id = (column(UUID(reported["id"])) for reported in (first, second))
    moved = bytes(Report.objects.get(id=second["id"]).evidence)
    assert tamper("UPDATE messaging_report SET evidence = %s WHERE id = %s", [moved, one_id]) == 1
    with pytest.raises(Undecryptable):
        evidence(first)
    assert tamper("UPDATE messaging_report SET reporter_id = %s WHERE id = %s", [column(doc1.id), other_id]) == 1
    with pytest.raises(Undecryptable):
        evidence(second)


def test_a_note_is_text_like_any_other(c1: str, patient: httpx.Client, doctor: httpx.Client) -> None:
    """T065, the reason of a report: tags are taken out, the rest stays as it was typed. T067, T068."""
    message = send(doctor, c1)
    for note in (r"a\u0000b", r"\u001b", r"\ud800"):
        response = patient.post(
            f"{API}/messages/{message['id']}/report",
            content=f'{{"reason": "spam", "note": "{note}"}}'.encode(),
            headers={"content-type": "application/json"},
        )
        refused(response, 400, "invalid_text")
    refused(report(patient, message["id"], note="x" * 1001), 413, "too_large")
    refused(report(patient, message["id"], note="😀" * 1001), 413, "too_large")
    reported = answered(report(patient, message["id"], note="<script>alert(1)</script> K<3.5 and Na>145"), 201)
    assert evidence(reported)["note"] == "alert(1) K<3.5 and Na>145"
    other = answered(report(patient, send(doctor, c1)["id"], note="  "), 201)
    assert evidence(other)["note"] == ""


@pytest.mark.parametrize("reason", [*Reason.values])
def test_every_reason_there_is(c1: str, patient: httpx.Client, doctor: httpx.Client, reason: str) -> None:
    assert answered(report(patient, send(doctor, c1)["id"], reason), 201)["reason"] == reason


@pytest.mark.parametrize(
    "fields",
    [{"reason": "dislike"}, {"reason": ""}, {"reason": None}, {"reason": 1}, {"note": 5}, {"context": "yes"}],
    ids=str,
)
def test_values_out_of_range_are_named(
    c1: str, patient: httpx.Client, doctor: httpx.Client, fields: dict[str, object]
) -> None:
    body = {"reason": "spam", **fields}
    problem = refused(patient.post(f"{API}/messages/{send(doctor, c1)['id']}/report", json=body), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == [*fields]
    assert Report.objects.count() == 0


def test_a_message_that_cannot_be_opened_is_reported_as_such(
    c1: str, patient: httpx.Client, doctor: httpx.Client, tamper: Callable[..., int]
) -> None:
    message = send(doctor, c1)
    tamper("UPDATE messaging_message SET revision = 5")
    found = evidence(answered(report(patient, message["id"]), 201))
    assert (found["message"]["content"], found["message"]["contentError"]) == (None, "undecryptable")


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_nobody_reports_what_they_wrote(c1: str, patient: httpx.Client) -> None:
    refused(report(patient, send(patient, c1)["id"]), 403, "forbidden")
    assert Report.objects.count() == 0


def test_who_was_muted_may_report(c1: str, pat1: Person, patient: httpx.Client, doctor: httpx.Client) -> None:
    message = send(doctor, c1)
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    answered(report(patient, message["id"]), 201)


def test_what_is_gone_is_not_reported_any_more_but_a_report_stays(
    c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message, known = send(doctor, c1), send(doctor, c1)
    first = answered(report(patient, known["id"]), 201)
    for one in (message, known):
        answered(doctor.delete(f"{API}/messages/{one['id']}"))
    refused(report(patient, message["id"]), 410, "gone")
    assert answered(report(patient, known["id"]), 200) == first


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    problems = [refused(report(stranger, one), 404, "not_found") for one in (message["id"], str(uuid4()))]
    assert same_but_for_the_request_id(*problems)
    assert Report.objects.count() == 0


def test_without_a_record_there_is_no_report(
    c1: str, patient: httpx.Client, doctor: httpx.Client, request: pytest.FixtureRequest
) -> None:
    message = send(doctor, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(report(patient, message["id"]), 503, "audit_unavailable")
    assert Report.objects.count() == 0
