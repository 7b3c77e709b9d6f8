"""Moderators, something reported, and browsers in the admin."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from pytest_django import Settings

from tests.audit.conftest import log_cannot_be_written
from tests.live import Server
from tests.messaging.conftest import c1, classmate, doctor, patient, student, teacher
from tests.messaging.rooms import room_of
from tests.messaging.talking import say
from tests.moderation.reports import Case, Moderator, make_moderator, report
from tests.people import Person

__all__ = ["c1", "classmate", "doctor", "log_cannot_be_written", "patient", "student", "teacher"]

SECRET = "canary-of-what-was-said"
WORRY = "canary-of-the-reporter"


@pytest.fixture
def mod1(database: None) -> Person:
    """Staff in the group `moderators`, and nothing else."""
    return make_moderator("mod1", display_name="Mona Derat")


@pytest.fixture
def mod2(database: None) -> Person:
    return make_moderator("mod2", display_name="Moritz Derat")


@pytest.fixture
def room(teacher: Person, student: Person, classmate: Person) -> str:
    """A group of the teacher's, with the student and the classmate in it."""
    return room_of(teacher, student, classmate, name="canary-of-a-room")


@pytest.fixture
def case(room: str, student: Person, classmate: Person) -> Case:
    """The student wrote something in the room, and the classmate reported it."""
    [message] = say(student, room, SECRET)
    return report(classmate, message["id"], "harassment", note=WORRY)


@pytest.fixture
def browse(server: Server, settings: Settings) -> Iterator[Callable[[Person], Moderator]]:
    """`browse(mod1)` is mod1 in the admin, signed in."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    with ExitStack() as clients:

        def open_admin(person: Person) -> Moderator:
            client = httpx.Client(base_url=server.url, timeout=30, follow_redirects=True, trust_env=False)
            moderator = Moderator(clients.enter_context(client))
            assert "Log out" in moderator.sign_in(person.username).text
            return moderator

        yield open_admin


@pytest.fixture
def as_mod1(browse: Callable[[Person], Moderator], mod1: Person) -> Moderator:
    return browse(mod1)
