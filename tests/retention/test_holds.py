"""Legal holds: what they cover, who places them, and that they win."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import LoginSession, RefreshToken
from accounts.services import create_patient_record
from audit.models import Detail
from core.actor import SYSTEM, SYSTEM_ID
from core.errors import Forbidden, Invalid, InvalidReference, LegalHold, NotFound
from messaging.models import Conversation, Membership
from retention import holds
from retention import models as tables
from retention.services import lift_hold, place_hold
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, entries, send
from tests.people import Person, make_person, sign_in
from tests.retention.running import apply, command, dry_run, hold

pytestmark = pytest.mark.core

PATIENCE = 20


def held(*conversations: str) -> set[str]:
    """Asked in both ways, which must agree."""
    ids = [UUID(id_) for id_ in conversations]
    with transaction.atomic():
        found = holds.held_conversations(ids)
        others = Conversation.objects.filter(holds.not_held("pk"), pk__in=ids)
        assert set(others.values_list("pk", flat=True)) == set(ids) - found
    return {str(id_) for id_ in found}


def test_without_holds_nothing_is_held(c1: str, c2: str) -> None:
    assert held(c1, c2) == set()
    with transaction.atomic():
        holds.require_not_held(UUID(c1))


def test_one_on_a_conversation_covers_that_one(c1: str, c2: str) -> None:
    hold("conversation", c1)
    assert held(c1, c2) == {c1}
    with pytest.raises(LegalHold) as refusal, transaction.atomic():
        holds.require_not_held(UUID(c1))
    assert (refusal.value.status, refusal.value.code) == (409, "legal_hold")
    assert refusal.value.detail == "It cannot be deleted now."
    with transaction.atomic():
        holds.require_not_held(UUID(c2))


def test_one_on_a_person_covers_wherever_they_were_and_will_be(
    c1: str, c2: str, pat1: Person, teacher: Person, student: Person
) -> None:
    """Also what they have left, and what they join after the hold was placed."""
    left = room_of(teacher, student)
    hold("user", student.id)
    assert held(c1, c2, left) == {left}
    later = room_of(teacher, student)
    assert held(c1, c2, left, later) == {left, later}
    stay = Membership.objects.get(conversation=UUID(left), user=student.id)
    Membership.objects.filter(id=stay.id).update(left_seq=stay.joined_seq, left_at=stay.joined_at)
    assert held(left, later) == {left, later}


def test_one_on_a_patient_record_covers_the_conversations_where_a_message_is_linked_to_it(
    doctor: httpx.Client, doc1: Person, c1: str, c2: str
) -> None:
    record = create_patient_record(actor=doc1.actor, subject=doc1.actor, mrn="M1", name="Paula Quint")
    hold("patient_record", record.id)
    assert held(c1, c2) == set()
    send(doctor, c1, "K<3.5 and Na>145", patientRecordId=str(record.id))
    assert held(c1, c2) == {c1}


def test_also_where_that_message_was_deleted_before(doctor: httpx.Client, doc1: Person, c1: str, c2: str) -> None:
    record = create_patient_record(actor=doc1.actor, subject=doc1.actor, mrn="M1", name="Paula Quint")
    message = send(doctor, c1, "K<3.5 and Na>145", patientRecordId=str(record.id))
    assert doctor.delete(f"{API}/messages/{message['id']}").is_success
    hold("patient_record", record.id)
    assert held(c1, c2) == {c1}


def test_several_are_lifted_one_by_one(c1: str, pat1: Person) -> None:
    first, second = hold("conversation", c1), hold("user", pat1.id)
    lift_hold(actor=SYSTEM, hold=first)
    assert held(c1) == {c1}
    lift_hold(actor=SYSTEM, hold=second)
    assert held(c1) == set()


def test_placing_and_lifting_are_recorded_and_a_repeat_is_not(c1: str, pat1: Person) -> None:
    placed, other = hold("conversation", c1), hold("user", pat1.id)
    for _ in range(2):
        assert lift_hold(actor=SYSTEM, hold=placed).lifted_by == SYSTEM_ID
    told = [(entry.action, entry.object, entry.reason, entry.conv) for entry in entries("hold.placed")]
    assert told == [
        ("hold.placed", placed.id, "conversation", UUID(c1)),
        ("hold.placed", other.id, "user", None),
    ]
    [lifted] = entries("hold.lifted")
    assert lifted.object == placed.id
    assert Detail.objects.get(entry=lifted.id).payload() == {"target": c1}


def test_reason_and_case_are_encrypted_and_not_in_the_log(c1: str) -> None:
    made = place_hold(
        actor=SYSTEM, target_kind="conversation", target_id=UUID(c1), reason="Quint against Berg", case_id="17-CV-1"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT reason, case_id FROM retention_legalhold")
        [stored] = cursor.fetchall()
    assert all(b"Quint" not in bytes(value) and b"17-CV" not in bytes(value) for value in stored)
    read = tables.LegalHold.objects.get(id=made.id)
    assert (read.reason, read.case_id) == ("Quint against Berg", "17-CV-1")
    [placed] = entries("hold.placed")
    assert "Quint" not in str(Detail.objects.get(entry=placed.id).payload())


def test_it_takes_a_permission(c1: str, doc1: Person, adm1: Person) -> None:
    clerk = make_person("clerk", "staff", is_staff=True)

    def place(person: Person) -> tables.LegalHold:
        return place_hold(actor=person.actor, target_kind="conversation", target_id=UUID(c1), reason="Because.")

    for nobody in (doc1, clerk):
        with pytest.raises(Forbidden):
            place(nobody)
    clerk.user.user_permissions.add(Permission.objects.get(codename="place_hold"))
    placed = place(clerk)
    clerk.user.user_permissions.clear()
    with pytest.raises(Forbidden):
        lift_hold(actor=clerk.actor, hold=placed)
    assert held(c1) == {c1}
    assert lift_hold(actor=adm1.actor, hold=placed).lifted_by == adm1.id
    assert [entry.actor for entry in entries("hold.placed")] == [clerk.id]


def test_the_group_compliance_has_it(c1: str) -> None:
    clerk = make_person("clerk", "staff", is_staff=True)
    clerk.user.groups.add(Group.objects.get(name="compliance"))
    placed = place_hold(actor=clerk.actor, target_kind="conversation", target_id=UUID(c1), reason="Because.")
    assert lift_hold(actor=clerk.actor, hold=placed).lifted_by == clerk.id


def test_there_is_none_on_nothing_and_none_without_a_reason(c1: str) -> None:
    for kind in ("user", "patient_record", "conversation"):
        with pytest.raises(InvalidReference):
            place_hold(actor=SYSTEM, target_kind=kind, target_id=uuid4(), reason="Because.")
    right: dict[str, Any] = {
        "actor": SYSTEM,
        "target_kind": "conversation",
        "target_id": UUID(c1),
        "reason": "Because.",
    }
    for wrong in ({"reason": "  "}, {"reason": "x" * 501}, {"target_kind": "message"}, {"case_id": "9" * 101}):
        with pytest.raises(Invalid):
            place_hold(**(right | wrong))
    with pytest.raises(NotFound):
        lift_hold(actor=SYSTEM, hold=tables.LegalHold(id=uuid4()))
    assert not tables.LegalHold.objects.exists()
    assert entries("hold.placed") == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite whoever writes is alone")
def test_what_is_being_removed_is_waited_for(c1: str) -> None:
    """A hold that is in force and something that goes all the same: there is no moment for that."""
    asked, go = threading.Event(), threading.Event()
    order: list[str] = []

    def remove() -> None:
        try:
            with transaction.atomic():
                holds.require_not_held(UUID(c1))
                asked.set()
                assert go.wait(PATIENCE)
                order.append("removed")
        finally:
            connection.close()

    def place() -> None:
        try:
            hold("conversation", c1)
            order.append("held")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        removing = pool.submit(remove)
        assert asked.wait(PATIENCE)
        placing = pool.submit(place)
        _wait_for_somebody_who_waits()
        assert order == []
        go.set()
        removing.result(PATIENCE)
        placing.result(PATIENCE)
    assert order == ["removed", "held"]
    with pytest.raises(LegalHold), transaction.atomic():
        holds.require_not_held(UUID(c1))


def _wait_for_somebody_who_waits() -> None:
    deadline = threading.Event()
    for _ in range(PATIENCE * 50):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone():
                return
        deadline.wait(0.02)
    pytest.fail("nobody waits")


def test_it_is_asked_only_inside_of_a_transaction(c1: str) -> None:
    with pytest.raises(RuntimeError):
        holds.require_not_held(UUID(c1))


def test_sessions_of_somebody_who_is_held_stay(doc1: Person, pat1: Person, later: Callable[..., datetime]) -> None:
    for person in (doc1, pat1):
        sign_in(person)
    placed = hold("user", doc1.id)
    later(days=60)
    expected = {"accounts.refresh_tokens": (1, 0), "accounts.sessions": (1, 0)}
    assert expected.items() <= dry_run().items()
    assert expected.items() <= apply().items()
    assert {session.user.id for session in LoginSession.objects.all()} == {doc1.id}
    assert {token.session.user.id for token in RefreshToken.objects.all()} == {doc1.id}
    lift_hold(actor=SYSTEM, hold=placed)
    apply()
    assert not LoginSession.objects.exists()
    assert not RefreshToken.objects.exists()


def test_by_commands(
    c1: str, pat1: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason comes by standard input, and is shown to nobody."""
    monkeypatch.setattr("sys.stdin", StringIO("Quint against Berg\n"))
    [placed] = command("legal_hold", "place", "conversation", c1, "--case", "17-CV-1")
    assert tables.LegalHold.objects.get().reason == "Quint against Berg"
    assert held(c1) == {c1}
    assert command("legal_hold", "list") == [placed]
    call_command("legal_hold", "list")
    out = capsys.readouterr().out
    assert placed["id"] in out
    assert "Quint" not in out + str(placed)
    [lifted] = command("legal_hold", "lift", placed["id"])
    assert lifted["liftedAt"] is not None
    assert command("legal_hold", "list") == []
    assert held(c1) == set()
    monkeypatch.setattr("sys.stdin", StringIO("Quint against Berg\n"))
    [placed] = command("legal_hold", "place", "user", pat1.username.upper())
    assert placed["targetId"] == str(pat1.id)
    monkeypatch.setattr("sys.stdin", StringIO(""))
    refused_ways = (("place", "conversation", c1), ("lift", str(uuid4())), ("place", "user", "Otto"))
    for arguments in (*refused_ways, ("place", "conversation", pat1.username)):
        with pytest.raises(CommandError):
            call_command("legal_hold", *arguments)
