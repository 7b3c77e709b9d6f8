"""`python -m benchmarks.seeding FILE`: people, conversations and messages to measure with; writes the fixture.

People, sessions, conversations of two and messages come from the services that clients reach. Rooms have no service
that makes them yet: their rows are inserted here as such a service would have to.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django

if TYPE_CHECKING:
    from accounts.services import SignedIn

_PEOPLE = 1000
_PAIRS = 100
_ROOMS = (200, 500)
_HISTORIES = 100
_MESSAGES = 60
_WORDS = ["patient", "visit", "result", "potassium", "dose", "morning", "ward", "family", "note", "stable", "review"]


def main(target: Path) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    target.write_text(json.dumps(_seed()))


def _seed() -> dict[str, Any]:
    people = _people()
    half = _PEOPLE // 2
    pairs = [[_conversation(people[number], people[half + number]), number, half + number] for number in range(_PAIRS)]
    rooms = {size: [_room(people[:size]), [*range(size)]] for size in _ROOMS}
    readers = [half - 1 - number for number in range(_HISTORIES)]
    histories = [(_conversation(people[reader], people[half + reader]), reader) for reader in readers]
    asyncio.run(_talk(histories, people))
    return {
        "users": [person.access for person in people],
        "pairs": pairs,
        "rooms": rooms,
        "history": {"path": "/api/v1/conversations/{conversation}/messages", "targets": histories},
    }


def _people() -> "list[SignedIn]":
    """The first half are patients, the second providers; nobody has a password, so nobody could sign in."""
    from accounts.services import create_user, start_session
    from core.actor import SYSTEM

    def one(number: int) -> "SignedIn":
        role = "patient" if number < _PEOPLE // 2 else "provider"
        user = create_user(actor=SYSTEM, username=f"person{number}", password=None, role=role)
        return start_session(user=user)

    return [one(number) for number in range(_PEOPLE)]


def _conversation(patient: "SignedIn", provider: "SignedIn") -> str:
    from accounts.services.signing_in import actor_of
    from messaging.opening import find_opening
    from messaging.services import create_conversation

    actor = actor_of(provider.user, provider.session_id, "", "")
    named = {"kind": "clinical", "patient_id": patient.user.id, "provider_id": provider.user.id}
    conversation_id, _ = create_conversation(actor=actor, subject=find_opening(actor, named))
    return str(conversation_id)


def _room(members: "Sequence[SignedIn]") -> str:
    import audit
    from core.ids import uuid7
    from messaging.models import Conversation, Membership
    from messaging.models.conversation import Kind
    from realtime import streams

    with audit.transaction():
        conversation = Conversation.objects.create(
            stream=streams.open_stream(uuid7()), kind=Kind.GROUP, created_by=members[0].user
        )
        Membership.objects.bulk_create([Membership(conversation=conversation, user=member.user) for member in members])
    return str(conversation.id)


async def _talk(histories: Sequence[tuple[str, int]], people: "Sequence[SignedIn]") -> None:
    from audit.writer import writer

    chosen = random.Random(42)  # noqa: S311  the same texts each time
    for conversation, reader in histories:
        both = people[reader], people[reader + _PEOPLE // 2]
        await asyncio.gather(*(_say(UUID(conversation), both[number % 2], chosen) for number in range(_MESSAGES)))
    await asyncio.to_thread(writer.stop)


async def _say(conversation_id: UUID, sender: "SignedIn", chosen: random.Random) -> None:
    from accounts.services.signing_in import actor_of
    from messaging.services import send_message

    actor = actor_of(sender.user, sender.session_id, "", "")
    content = " ".join(chosen.choices(_WORDS, k=12))
    await send_message(actor=actor, conversation_id=conversation_id, content=content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
