"""Who a conversation would be between, found through the person who asks for it.

Whoever the asker may neither message nor shares a conversation with does not exist for them: NotFound, the same as for
an id nobody has. What is wrong with people they can see is said plainly.
"""

from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from accounts.permissions import may_start_with
from core.actor import Actor
from core.errors import FieldError, Forbidden, Invalid, NotFound, UnknownField
from core.shapes import Data, camel
from messaging import querysets
from messaging.models import Conversation
from messaging.models.conversation import Kind

_NAMES = {Kind.CLINICAL: ("patient_id", "provider_id"), Kind.DIRECT: ("user_id",)}
_ALL_NAMES = ("patient_id", "provider_id", "user_id")


@dataclass(frozen=True)
class Opening:
    """A conversation somebody asks for.

    `one` and `other` are patient and provider of a clinical conversation, the asker and their partner in a direct one.
    `existing` is the conversation if the asker is in it already; then nobody needs to ask whether it may be opened.
    `arranged` tells that the asker is neither of the two and has the right to bring them together all the same.
    """

    kind: Kind
    one: User
    other: User
    existing: Conversation | None = None
    arranged: bool = False


def find_opening(actor: Actor, clean: Data) -> Opening:
    """The people named in `clean`, which is emptied; raises NotFound, Invalid and UnknownField."""
    kind = Kind(clean.pop("kind"))
    one_id, other_id = _named(actor, kind, clean)
    people = querysets.people_seen_by(actor, {one_id, other_id})
    one, other = _seen(people, one_id), _seen(people, other_id)
    if kind == Kind.CLINICAL:
        _require_role(one, "patient")
        _require_role(other, "provider")
    existing = querysets.conversation_between(kind, one_id, other_id, member=actor.id)
    arranged = actor.id not in {one_id, other_id} and querysets.may_moderate(actor)
    return Opening(kind, one, other, existing, arranged)


def can_open(actor: Actor, opening: Opening) -> None:
    """The two themselves, as the role permission table says, and whoever has the right to moderate; else Forbidden."""
    if opening.existing is not None:
        return
    if not (opening.one.is_active and opening.other.is_active):
        raise Forbidden("One of the two accounts is disabled.")
    if opening.arranged:
        return
    if actor.id not in {opening.one.id, opening.other.id}:
        raise Forbidden("You may only open conversations of your own.")
    partner = opening.one if actor.id == opening.other.id else opening.other
    if not may_start_with(actor.role, partner.role):
        raise Forbidden("You may not start a conversation with this person.")


def _named(actor: Actor, kind: Kind, clean: Data) -> tuple[UUID, UUID]:
    """The two ids that this kind of conversation is named by."""
    given: dict[str, UUID] = {name: clean.pop(name) for name in _ALL_NAMES if name in clean}
    if wrong := given.keys() - set(_NAMES[kind]):
        raise UnknownField(f"A {kind} conversation has no field {camel(min(wrong))}.")
    if missing := set(_NAMES[kind]) - given.keys():
        errors = [FieldError(camel(name), "required", "This field is required.") for name in sorted(missing)]
        raise Invalid("Some fields are not valid.", errors=errors)
    one_id, other_id = given.get("patient_id", actor.id), given[_NAMES[kind][-1]]
    if one_id == other_id:
        raise _invalid(_NAMES[kind][-1], "A conversation needs two people.")
    return one_id, other_id


def _seen(people: dict[UUID, User], user_id: UUID) -> User:
    if user_id not in people:
        raise NotFound(subject_id=user_id)
    return people[user_id]


def _require_role(user: User, role: str) -> None:
    if user.role != role:
        raise _invalid(f"{role}_id", f"This person is no {role}.")


def _invalid(name: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(camel(name), "invalid", message)])
