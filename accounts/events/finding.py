"""How the subject of what is asked is found: through what the actor may see, else NotFound."""

from accounts import querysets
from accounts.models import PatientRecord, User
from core.actor import Actor
from core.shapes import Data


def person(actor: Actor, clean: Data) -> User:
    return querysets.person(actor, clean.pop("user_id"))


def person_to_unblock(actor: Actor, clean: Data) -> User:
    return querysets.person_or_blocked(actor, clean.pop("user_id"))


def person_present(actor: Actor, clean: Data) -> User:
    [found] = querysets.all_present_to(actor.id, [clean.pop("user_id")])
    return found


def record(actor: Actor, clean: Data) -> PatientRecord:
    return querysets.patient_record(actor, clean.pop("record_id"))


def oneself(actor: Actor, clean: Data) -> Actor:
    return actor
