"""`python -m tests.faults.seeding PATIENTS PROVIDERS`: people with sessions and conversations; prints them as JSON.

`people`: ids; `tokens`: an access token for each of three sessions of each person; `conversations`: `[id, patient,
provider]`, by number of the person. Every patient talks to two providers.
"""

import json
import os
import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from accounts.models import User

SESSIONS = 3


def main(patients: int, providers: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from accounts.services import create_user, start_session
    from core.actor import SYSTEM

    roles = ["patient"] * patients + ["provider"] * providers
    people = [create_user(actor=SYSTEM, username=f"p{n}", password=None, role=role) for n, role in enumerate(roles)]
    tokens = [[start_session(user=user).access for _ in range(SESSIONS)] for user in people]
    pairs = [(n, patients + (n + shift) % providers) for n in range(patients) for shift in (0, 1)]
    conversations = [(_opened(people[one], people[other]), one, other) for one, other in pairs]
    found = {"people": [str(user.id) for user in people], "tokens": tokens, "conversations": conversations}
    print(json.dumps(found))  # noqa: T201  this is its answer


def _opened(patient: "User", provider: "User") -> str:
    from accounts.services.signing_in import actor_of
    from core.ids import uuid7
    from messaging.opening import find_opening
    from messaging.services import create_conversation

    actor = actor_of(provider, uuid7(), "", "")
    named = {"kind": "clinical", "patient_id": patient.id, "provider_id": provider.id}
    conversation_id, _ = create_conversation(actor=actor, subject=find_opening(actor, named))
    return str(conversation_id)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
