"""The people and places of the permission matrix: one of each standing in each kind of conversation, and a way back.

A standing is a letter (`STANDINGS`): the table of expected verdicts (`matrix_table`) is written with them.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import httpx
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test.utils import override_settings

from accounts import services
from core.actor import SYSTEM, SYSTEM_ID
from core.limits import Rate
from core.time import now, wire_time
from messaging.models import Membership
from messaging.services import send_message
from tests.doors.asking import RANDOM
from tests.live import Server
from tests.messaging.files import upload
from tests.messaging.rooms import add, change, created, remove
from tests.messaging.talking import API, answered, say
from tests.people import Person, anonymous_client, client_for, make_person, open_clinical, sign_in
from tests.reset import PostgresReset, Reset, SqliteReset

STANDINGS = {
    "o": "owner",
    "m": "moderator",
    "p": "member",
    "s": "silenced member",
    "c": "covering colleague",
    "l": "colleague whose cover has ended by itself",
    "b": "member who blocked the other",
    "d": "member whom the other blocked",
    "f": "removed member",
    "x": "banned member",
    "g": "outsider who may find rooms",
    "n": "outsider who may not (a patient)",
    "w": "staff without the right to moderate",
    "r": "staff with the right to moderate",
    "e": "disabled",
    "a": "anonymous",
}
_ROLES = {
    **dict.fromkeys("omcldfxe", "provider"),
    **dict.fromkeys("psbn", "patient"),
    "g": "student",
    "w": "staff",
    "r": "staff",
}
OUTSIDE = {letter: "n" if role == "patient" else "g" for letter, role in _ROLES.items()} | {"w": "w", "r": "r"}
"""What everybody is where they have never been."""

INSIDE = {"clinical": "opc", "direct": "po", "blocked": "bd", "private": "omps", "public": "omps"}
"""Who is a member of which place. The two of a direct conversation are plain members of it."""

BESIDES = {"clinical": "lmfgnwr", "direct": "mgnwr", "blocked": "ogwr", "private": "fxcgnwr", "public": "fxcgnwr"}
"""Who else is asked about it."""

ELSEWHERE = {"clinical": "ompfbgnwr", "direct": "pgr", "private": "ogr", "public": "ompgnwr", "random": "ompfbgnwr"}
"""Who is asked about other people's conversations, where everybody is an outsider, and about ids that nobody has."""


@dataclass
class Place:
    """A conversation, and by whom each of its messages and unsent files is: one of everybody who was ever there."""

    id: str
    messages: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    sent: str = ""
    """A file that one of them has sent."""

    def message_by(self, letter: str) -> str:
        """One's own message; who never wrote there is asked about somebody's all the same."""
        return self.messages.get(letter) or next(iter(self.messages.values()))

    def message_by_another(self, letter: str) -> str:
        return next(message for writer, message in self.messages.items() if writer != letter)

    def file_by(self, letter: str) -> str:
        return self.files.get(letter) or next(iter(self.files.values()))

    def file_by_another(self, letter: str) -> str:
        return next(file for owner, file in self.files.items() if owner != letter)


@dataclass
class World:
    server: Server
    people: dict[str, Person]
    places: dict[str, Place]
    elsewhere: dict[str, Place]
    """The same kinds of conversations among other people."""
    stranger: Person
    sessions: dict[str, str]
    """A second session of each."""
    record: str
    clients: dict[str, httpx.Client]
    restore: Reset

    def foreign_session(self) -> str:
        return str(self.stranger.signed_in.session_id)

    def user_id(self, letter: str) -> str:
        """Whom a letter stands for: `!` for the system, and no letter for nobody."""
        if letter == "!":
            return str(SYSTEM_ID)
        return str(self.people[letter].id) if letter in self.people else RANDOM


@contextmanager
def made_world(server: Server) -> Iterator[World]:
    """Made once, through the doors; `restore` brings the database back to this moment."""
    generous = dict.fromkeys(settings.LIMITS, Rate(1_000_000, 60))
    with override_settings(LIMITS=generous, ACCESS_TOKEN_LIFETIME=3600), ExitStack() as clients:
        world = _make(server, clients)
        clients.callback(world.restore.close)
        yield world


def state_of_the_database() -> str:
    """A hash of every row, but for what answering anything changes: the audit log, and when somebody was last there."""
    digest = sha256()
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if not table.startswith(("audit_", "django_")) and table != "accounts_loginsession":
                digest.update(table.encode())
                for row in _rows(cursor, table):
                    digest.update(row.encode())
    return digest.hexdigest()


def _rows(cursor: CursorWrapper, table: str) -> list[str]:
    cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  a name from the schema
    names = [column[0] for column in cursor.description]
    return sorted(repr([v for name, v in zip(names, row, strict=True) if name != "last_seen_at"]) for row in cursor)


def _make(server: Server, opened: ExitStack) -> World:
    people = {letter: _person(letter, role) for letter, role in _ROLES.items()}
    people["r"].user.user_permissions.add(Permission.objects.get(codename="moderate_conversation"))
    sessions = {letter: str(sign_in(person).session_id) for letter, person in people.items()}
    clients = {letter: opened.enter_context(client_for(person, server)) for letter, person in people.items()}
    clients["a"] = opened.enter_context(anonymous_client(server))
    others = {letter: _person(f"{letter}2", _ROLES[letter]) for letter in "op"}
    other_clients = {letter: opened.enter_context(client_for(person, server)) for letter, person in others.items()}
    places = _places(people, clients)
    elsewhere = _places(others, other_clients)
    body = {"mrn": "MRN-1", "name": "Paula Quint", "userId": str(people["p"].id)}
    record = answered(clients["o"].post(f"{API}/patient-records", json=body), 201)["id"]
    services.disable_user(actor=SYSTEM, user=people["e"].user)
    return World(server, people, places, elsewhere, others["o"], sessions, record, clients, _snapshot())


def _person(name: str, role: str) -> Person:
    person = make_person(f"matrix-{name}", role, display_name=f"Matrix {name}", is_staff=role == "staff")
    assert person.token
    return person


def _places(people: Mapping[str, Person], clients: Mapping[str, httpx.Client]) -> dict[str, Place]:
    """With the people there are: of the other people only two."""
    there = {"clinical": _clinical(people, clients), "direct": _direct(people, clients, "p", "o")}
    if "b" in people:
        there["blocked"] = _direct(people, clients, "b", "d")
        _done(clients["b"].put(f"{API}/users/{people['d'].id}/block"))
    return there | {kind: _room(kind, people, clients) for kind in ("private", "public")}


def _clinical(people: Mapping[str, Person], clients: Mapping[str, httpx.Client]) -> Place:
    place = Place(open_clinical(people["p"], people["o"]))
    if "c" in people:
        until = wire_time(now() + timedelta(days=1))
        answered(add(clients["o"], place.id, *(people[letter] for letter in "clf"), until=until), 201)
    _everybody_speaks(place, people, "opclf")
    if "l" in people:
        # Nobody has written it down yet.
        Membership.objects.filter(user=people["l"].user).update(until=now() - timedelta(seconds=1))
        _done(remove(clients["o"], place.id, people["f"]))
    return place


def _direct(people: Mapping[str, Person], clients: Mapping[str, httpx.Client], one: str, other: str) -> Place:
    place = Place(created(clients[other], kind="direct", userId=str(people[one].id))["id"])
    _everybody_speaks(place, people, one + other)
    return place


def _room(kind: str, people: Mapping[str, Person], clients: Mapping[str, httpx.Client]) -> Place:
    members = [str(people[letter].id) for letter in "mpsfxe" if letter in people]
    place = Place(created(clients["o"], kind=kind, name=f"Matrix {kind}", memberIds=members)["id"])
    # Who is asked about another's message is asked about the owner's.
    _everybody_speaks(place, people, "ompsfxe")
    if "m" in people:
        answered(change(clients["o"], place.id, people["m"], role="moderator"))
        answered(change(clients["o"], place.id, people["s"], isMuted=True))
        _done(remove(clients["o"], place.id, people["f"]))
        answered(change(clients["o"], place.id, people["x"], isBlocked=True))
    return place


def _everybody_speaks(place: Place, people: Mapping[str, Person], letters: str) -> None:
    for letter in letters:
        if letter in people:
            [message] = say(people[letter], place.id, f"said by {STANDINGS[letter]}")
            place.messages[letter] = str(message["id"])
            place.files[letter] = upload(people[letter], place.id)
    place.sent = _sent_file(people[letters[0]], place.id)


def _sent_file(person: Person, place_id: str) -> str:
    file = upload(person, place_id)
    sending = send_message(actor=person.actor, conversation_id=UUID(place_id), attachment_ids=[UUID(file)])
    asyncio.run(sending)
    return file


def _done(response: httpx.Response) -> None:
    assert response.status_code == 204, response.text


def _snapshot() -> Reset:
    """What puts the database back to what it is now (`tests.reset`)."""
    if superuser_url := os.environ.get("TEST_SUPERUSER_URL"):
        return PostgresReset(superuser_url)
    return SqliteReset(str(settings.DATABASES["default"]["NAME"]))
