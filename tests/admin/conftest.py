"""One of everything that has a page in the admin, with planted words wherever somebody can write."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.test import Client

from accounts.models import LoginSession
from attachments.models import Attachment
from config.dashboard import figures, keys
from core.actor import SYSTEM
from core.models import Task
from messaging.models import Conversation, Membership, Message, Report
from messaging.services import moderation
from retention.models import LegalHold, Policy, Run
from retention.services import create_policy, place_hold
from tests.admin.looking import signed_in, staff
from tests.attachments.conftest import shelf
from tests.attachments.filing import uploaded
from tests.live import Server
from tests.messaging.conftest import classmate, student, teacher
from tests.messaging.files import send_files
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered
from tests.moderation.conftest import mod1
from tests.moderation.reports import report
from tests.people import Person, client_for, sign_in

__all__ = ["classmate", "mod1", "shelf", "student", "teacher"]

PLANTED = "canary"


@dataclass(frozen=True)
class World:
    """`rows`: one of each model."""

    room: UUID
    rows: dict[type, object]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    figures.forget()
    keys.forget()
    yield
    figures.forget()
    keys.forget()


@pytest.fixture
def superuser(adm1: Person) -> Client:
    return signed_in(adm1)


@pytest.fixture
def world(
    server: Server, shelf: object, teacher: Person, student: Person, classmate: Person, mod1: Person, adm1: Person
) -> World:
    room = room_of(teacher, student, classmate, kind="course", name="canary of a room")
    sign_in(student, user_agent="canary of a device")
    with client_for(teacher, server) as client:
        said = {"description": "canary of a description", "tags": ["canarytag"], "courseId": "canary-1"}
        answered(client.patch(f"{API}/conversations/{room}", json={key: said[key] for key in ("description", "tags")}))
        Conversation.objects.filter(pk=UUID(room)).update(course_id=said["courseId"])
    with client_for(student, server) as client:
        file = uploaded(client, room, b"canary inside", "canary.txt")
        message = send_files(client, room, file["id"], content="canary in a text", clientMessageId="canary-of-a-client")
        answered(client.patch(f"{API}/messages/{message['id']}", json={"content": "canary after an edit"}))
    case = report(classmate, message["id"], "harassment", note="canary of the reporter")
    moderation.add_note(actor=mod1.actor, report_id=case.id, text="canary of a moderator")
    create_policy(actor=SYSTEM, rule="messaging.messages", days=4000, note="canary of a policy")
    place_hold(
        actor=SYSTEM, target_kind="user", target_id=teacher.id, reason="canary of a reason", case_id="canary-case"
    )
    Run.objects.create(by="command", state="done", finished_at=Message.objects.get(pk=message["id"]).created_at)
    Task.objects.create(name="messaging.out_of_office", state="failed", reason="ValueError")
    models = (Attachment, Conversation, LegalHold, LoginSession, Membership, Message, Policy, Report, Run, Task)
    return World(UUID(room), {model: model._default_manager.first() for model in models})


@pytest.fixture
def clerk(database: None) -> Person:
    """Staff without any right."""
    return staff("clerk")


@pytest.fixture
def operator(database: None) -> Person:
    return staff("operator", "operators")


@pytest.fixture
def officer(database: None) -> Person:
    """Of the group `compliance`."""
    return staff("officer", "compliance")
