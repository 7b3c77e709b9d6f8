"""`manage.py seed_demo`: people to try everything with, and what they have said to each other so far."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit
from accounts import passwords
from accounts.models import User
from accounts.services import create_user
from core.actor import SYSTEM, Actor
from core.errors import Gone, IdempotencyConflict, Refused, TokenRevoked
from messaging import querysets, services
from messaging.demo import COMPLAINTS, PEOPLE, ROOMS, TALKS, Complaint, Person, Room, Talk
from messaging.details import open_details
from messaging.models import Message
from messaging.opening import can_open, find_opening

_MOST_ROOMS = 200


class Command(BaseCommand):
    help = "Make the demonstration people and conversations. A repeat keeps what is there and adds what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--password", help="the password of all of them; without it the setting DEMO_PASSWORD")
        parser.add_argument("--json", action="store_true", help="print ids, usernames and roles as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        password = options["password"] or settings.DEMO_PASSWORD
        if not password:
            raise CommandError("Give --password or set DEMO_PASSWORD.")
        people = _people(password)
        # Somebody may have disabled one of them to see what happens; the others talk all the same.
        talks = [talk for talk in TALKS if people[talk.one].is_active and people[talk.other].is_active]
        lines = {_open(talk, people): talk.lines for talk in talks}
        rooms = {room.name: _open_room(room, people) for room in ROOMS if people[room.owner].is_active}
        lines |= {rooms[room.name]: room.lines for room in ROOMS if room.name in rooms}
        asyncio.run(_talk(lines, people))
        for complaint in COMPLAINTS:
            if complaint.room in rooms:
                _complain(complaint, rooms[complaint.room], people)
        self.stdout.write(_as_json(people) if options["json"] else _as_text(people, password))


def _people(password: str) -> dict[str, User]:
    """Everybody by name. Who is there already keeps everything, but signs in with this password from now on."""
    found = {person: User.objects.find(person.username) for person in PEOPLE}
    known = [user for user in found.values() if user is not None]
    # argon2 lets other threads run, so two cores take half the time.
    with ThreadPoolExecutor(passwords.AT_ONCE) as pool:
        correct = pool.map(lambda user: passwords.check(password, user.password).correct, known)
    for user, is_correct in zip(known, correct, strict=True):
        if not is_correct:
            # Also ends the sessions of whoever knew the old one.
            user.set_password(password)
            user.save()
    return {person.username: user or _create(person, password) for person, user in found.items()}


def _create(person: Person, password: str) -> User:
    with audit.transaction():
        user = create_user(
            actor=SYSTEM,
            username=person.username,
            password=password,
            role=person.role,
            display_name=person.display_name,
            is_staff=person.is_staff,
            is_superuser=person.is_superuser,
            weak_password_allowed=True,
        )
        rights = Permission.objects.filter(content_type__app_label="messaging", codename__in=person.rights)
        user.user_permissions.set(rights)
        user.groups.set(Group.objects.filter(name__in=person.groups))
        audit.record("demo.seeded", actor=SYSTEM, object_id=user.id)
    return user


def _open(talk: Talk, people: Mapping[str, User]) -> UUID:
    """The id of the conversation, opened by the first of the two as they would by themselves."""
    one, other = people[talk.one], people[talk.other]
    named = {"patient_id": one.id, "provider_id": other.id} if talk.kind == "clinical" else {"user_id": other.id}
    actor = _actor(one)
    opening = find_opening(actor, {"kind": talk.kind, **named})
    can_open(actor, opening)
    conversation_id, _ = services.create_conversation(actor=actor, subject=opening)
    return conversation_id


def _open_room(room: Room, people: Mapping[str, User]) -> UUID:
    """The id of the room of this name that its owner has made, now or with an earlier call."""
    owner = _actor(people[room.owner])
    for row in querysets.conversations_of(owner.id, None, _MOST_ROOMS, kind=room.kind):
        if row.created_by_id == owner.id and open_details(row).name == room.name:
            return row.id
    asked = {"kind": room.kind, "name": room.name, "description": room.description}
    named = {"member_ids": [people[name].id for name in room.others if people[name].is_active]}
    opening = find_opening(owner, asked | named | ({"course_id": room.course_id} if room.course_id else {}))
    can_open(owner, opening)
    conversation_id, _ = services.create_conversation(actor=owner, subject=opening)
    return conversation_id


def _complain(complaint: Complaint, room_id: UUID, people: Mapping[str, User]) -> None:
    """Report a line, once: a repeat finds the report that is there."""
    reporter = _actor(people[complaint.reporter])
    line = Message.objects.filter(conversation=room_id, client_message_id=f"demo-{complaint.line}").only("id").first()
    if line is None:
        return
    # Whoever has left meanwhile, or whose line was deleted before anybody reported it, has nothing to complain of.
    with suppress(Gone, Refused):
        services.report_message(
            actor=reporter,
            subject=querysets.visible_message(reporter.id, line.id),
            reason=complaint.reason,
            note=complaint.note,
            context=True,
        )


async def _talk(lines: Mapping[UUID, Sequence[tuple[str, str]]], people: Mapping[str, User]) -> None:
    """Say what has not been said yet: each line has a client id, so a repeat stores nothing."""
    for conversation_id, said in lines.items():
        for number, (username, line) in enumerate(said):
            await _say(_actor(people[username]), conversation_id, f"demo-{number}", line)


async def _say(actor: Actor, conversation_id: UUID, client_message_id: str, line: str) -> None:
    # Where an earlier version of this command said it in other words, what is there stays. Somebody who has left a
    # room, was muted there or disabled says nothing more.
    with suppress(IdempotencyConflict, Refused, TokenRevoked):
        await services.send_message(
            actor=actor, conversation_id=conversation_id, content=line, client_message_id=client_message_id
        )


def _actor(user: User) -> Actor:
    return Actor(id=user.id, role=user.role, is_staff=user.is_staff, is_superuser=user.is_superuser)


def _as_json(people: Mapping[str, User]) -> str:
    return json.dumps(
        [{"id": str(user.id), "username": user.username, "role": user.role} for user in people.values()], indent=2
    )


def _as_text(people: Mapping[str, User], password: str) -> str:
    lines = [f"  {user.username:<12} {user.role}" for user in people.values()]
    return "\n".join(["Demonstration logins:", *lines, f"Password of all of them: {password}"])
