"""`manage.py seed_demo`: people and conversations to try everything with."""

import json
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts import services as accounts
from accounts.models import User
from core.actor import SYSTEM
from core.time import now
from messaging.models import Conversation, Message, Report
from messaging.services import evidence_of
from tests.live import Server
from tests.messaging.talking import answered, contents, entries, page
from tests.people import client_for

ROLES = {
    "patient1": "patient",
    "patient2": "patient",
    "provider1": "provider",
    "provider2": "provider",
    "nurse1": "provider",
    "student1": "student",
    "student2": "student",
    "student3": "student",
    "instructor1": "instructor",
    "moderator1": "staff",
    "admin": "staff",
}


def seed(*arguments: str) -> str:
    output = StringIO()
    call_command("seed_demo", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.core
def test_everybody_can_sign_in_and_read_what_was_said(server: Server) -> None:
    printed = seed("--password", "demo pass")
    assert "demo pass" in printed
    assert all(name in printed for name in ROLES)
    credentials = {"username": "provider1", "password": "demo pass"}
    token = answered(httpx.post(f"{server.url}/api/v1/auth/token", json=credentials))["access"]
    with client_for(token, server) as client:
        listed = answered(client.get("/api/v1/conversations"))["results"]
        kinds = {conversation["kind"]: conversation["id"] for conversation in listed}
        assert kinds.keys() == {"clinical", "direct", "group"}
        assert {"Ward round"} == {conversation["name"] for conversation in listed if "name" in conversation}
        assert "K<3.5 and Na>145" in str(contents(page(client, kinds["clinical"])["results"]))


@pytest.mark.core
def test_a_repeat_keeps_everything(server: Server) -> None:
    first = json.loads(seed("--password", "demo pass", "--json"))
    assert {person["username"]: person["role"] for person in first} == ROLES
    User.objects.filter(username="patient1").update(time_zone="Europe/Berlin")
    before = (User.objects.count(), Conversation.objects.count(), Message.objects.count())
    assert json.loads(seed("--password", "demo pass", "--json")) == first
    assert (User.objects.count(), Conversation.objects.count(), Message.objects.count()) == before
    assert User.objects.get(username="patient1").time_zone == "Europe/Berlin"
    assert entries("password.changed") == []


def test_another_password_is_set_and_nothing_else(settings: Settings) -> None:
    seed("--password", "one")
    settings.DEMO_PASSWORD = "two"
    seed()
    assert all(user.check_password("two") for user in User.objects.exclude(id=SYSTEM.id))
    assert len(entries("password.changed")) == len(ROLES)


def test_one_report_waits_for_the_moderator() -> None:
    for _ in range(2):
        seed("--password", "x")
        [report] = Report.objects.select_related("author", "reporter")
        assert (report.author.username, report.reporter.username, report.state) == ("student3", "student1", "open")
        kept = evidence_of(report)
        assert "stay at home" in kept["message"]["content"]
        assert len(kept["context"]) == 4
    report.delete()
    Message.objects.filter(id=report.message_id).update(deleted_at=now(), deleted_by=report.author, body=b"")
    seed("--password", "x")
    assert not Report.objects.exists()


def test_rights() -> None:
    seed("--password", "x")
    moderator, admin = User.objects.get(username="moderator1"), User.objects.get(username="admin")
    assert moderator.is_staff
    assert not moderator.is_superuser
    assert moderator.has_perm("messaging.moderate_conversation")
    assert [group.name for group in moderator.groups.all()] == ["moderators"]
    assert admin.is_superuser
    others = User.objects.exclude(id=SYSTEM.id).exclude(username__in=["moderator1", "admin"])
    assert not others.filter(is_staff=True).exists()


def test_what_somebody_has_changed_does_not_stop_it() -> None:
    seed("--password", "x")
    for username in ("patient2", "student3"):
        accounts.disable_user(actor=SYSTEM, user=User.objects.get(username=username))
    seed("--password", "x")
    assert not User.objects.get(username="patient2").is_active


def test_a_room_that_was_left_stays_as_it_is(server: Server) -> None:
    seed("--password", "x")
    student = User.objects.get(username="student2")
    [room] = Conversation.objects.filter(kind="course")
    with client_for(student, server) as client:
        assert client.post(f"/api/v1/conversations/{room.id}/leave").status_code == 204
    seed("--password", "x")
    assert Conversation.objects.filter(kind="course").count() == 1
    assert room.memberships.filter(user=student, left_seq=None).count() == 0


def test_it_needs_a_password(settings: Settings) -> None:
    settings.DEMO_PASSWORD = ""
    with pytest.raises(CommandError, match="DEMO_PASSWORD"):
        seed()
