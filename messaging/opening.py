"""What a conversation would be and who would be in it, found through the person who asks for it.

Whoever the asker may neither message nor shares a conversation with does not exist for them: NotFound, the same as for
an id nobody has. What is wrong with people they can see is said plainly.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from accounts import blocks
from accounts.models import User
from accounts.permissions import may_create_room, may_start_with
from core.actor import Actor
from core.errors import FieldError, Forbidden, Invalid, NotFound, UnknownField
from core.shapes import Data, camel
from messaging import querysets
from messaging.details import Details
from messaging.models import Conversation
from messaging.models.conversation import ROOMS, Kind
from messaging.sanitizer import sanitize_content

_NAMES = {Kind.CLINICAL: ("patient_id", "provider_id"), Kind.DIRECT: ("user_id",)}
_ROOM_NAMES = ("name", "description", "course_id", "max_members", "member_ids")


@dataclass(frozen=True)
class Opening:
    """A conversation somebody asks for.

    `one` and `other` are patient and provider of a clinical conversation, the asker and their partner in a direct one.
    `existing` is the conversation if the asker is in it already; then nobody needs to ask whether it may be opened.
    `arranged` tells that the asker is neither of the two and has the right to bring them together all the same;
    `is_blocked`, of a direct conversation, that one of the two has blocked the other.
    """

    kind: Kind
    one: User
    other: User
    existing: Conversation | None = None
    arranged: bool = False
    is_blocked: bool = False


@dataclass(frozen=True)
class RoomOpening:
    """A room somebody asks for: they will own it, and `others` are in it from the beginning."""

    kind: Kind
    details: Details
    others: tuple[User, ...]
    course_id: str
    max_members: int


def find_opening(actor: Actor, clean: Data) -> Opening | RoomOpening:
    """What `clean` names, which is emptied; raises NotFound, Invalid and UnknownField."""
    kind = Kind(clean.pop("kind"))
    return _room(actor, kind, clean) if kind in ROOMS else find_pair(actor, kind, clean)


def find_pair(actor: Actor, kind: Kind, clean: Data) -> Opening:
    """The two people of a clinical or direct conversation."""
    one_id, other_id = _named(actor, kind, clean)
    people = querysets.people_seen_by(actor, {one_id, other_id})
    one, other = _seen(people, one_id), _seen(people, other_id)
    if kind == Kind.CLINICAL:
        _require_role(one, "patient")
        _require_role(other, "provider")
    existing = querysets.conversation_between(kind, one_id, other_id, member=actor.id)
    arranged = actor.id not in {one_id, other_id} and querysets.may_moderate(actor)
    is_blocked = kind == Kind.DIRECT and blocks.are_blocked(one_id, other_id)
    return Opening(kind, one, other, existing, arranged, is_blocked)


def can_open(actor: Actor, opening: Opening | RoomOpening) -> None:
    """As the role permission table says; else Forbidden."""
    if isinstance(opening, RoomOpening):
        _can_open_room(actor, opening)
    else:
        _can_open_pair(actor, opening)


def _can_open_room(actor: Actor, opening: RoomOpening) -> None:
    if not may_create_room(actor.role, opening.kind):
        raise Forbidden(f"You may not create rooms of the kind {opening.kind}.")
    require_enabled(opening.others)
    require_welcome(actor, opening.others)


def require_enabled(people: Iterable[User]) -> None:
    """Nobody is put into a room who can no longer sign in; else Forbidden."""
    if not all(person.is_active for person in people):
        raise Forbidden("One of these accounts is disabled.")


def require_welcome(actor: Actor, people: Collection[User]) -> None:
    """Into a room one puts those with whom one may start a conversation, else Forbidden: a room of two is one.

    Having met them elsewhere is not enough. Where one of two has blocked the other neither puts the other into a room,
    and both are told so in the same words.
    """
    if not all(may_start_with(actor.role, person.role) for person in people):
        raise Forbidden("You may not start a conversation with one of these people.")
    if blocks.any_between(actor.id, [person.id for person in people]):
        raise Forbidden("You cannot write to one of these people.")


def _can_open_pair(actor: Actor, opening: Opening) -> None:
    """The two themselves, and whoever has the right to moderate."""
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
    if opening.is_blocked:
        raise Forbidden("You cannot write to this person.")


def people_named(actor: Actor, user_ids: Iterable[UUID]) -> list[User]:
    """These people, each once and without the actor, in their order; raises NotFound for whom they may not know of."""
    wanted = [user_id for user_id in dict.fromkeys(user_ids) if user_id != actor.id]
    people = querysets.people_seen_by(actor, wanted)
    return [_seen(people, user_id) for user_id in wanted]


def _room(actor: Actor, kind: Kind, clean: Data) -> RoomOpening:
    given = _taken(kind, clean, _ROOM_NAMES)
    _require(given, {"name", "course_id"} if kind == Kind.COURSE else {"name"})
    others = people_named(actor, given.get("member_ids", ()))
    details = Details(given["name"], clean_description(given.get("description", "")))
    most = given.get("max_members", settings.ROOM_MAX_MEMBERS)
    return RoomOpening(kind, details, tuple(others), given.get("course_id", ""), most)


def clean_description(text: str) -> str | None:
    """What people say about a conversation as it is stored, which is like a message; None when they say nothing."""
    return sanitize_content(text) if text.strip() else None


def _named(actor: Actor, kind: Kind, clean: Data) -> tuple[UUID, UUID]:
    """The two ids that this kind of conversation is named by."""
    given: dict[str, UUID] = _taken(kind, clean, _NAMES[kind])
    _require(given, _NAMES[kind])
    one_id, other_id = given.get("patient_id", actor.id), given[_NAMES[kind][-1]]
    if one_id == other_id:
        raise _invalid(_NAMES[kind][-1], "A conversation needs two people.")
    return one_id, other_id


def _taken(kind: Kind, clean: Data, names: Collection[str]) -> Data:
    """What was given of these fields, taken out of `clean`, in which nothing may be left."""
    given = {name: clean.pop(name) for name in names if name in clean}
    if clean:
        raise UnknownField(f"A {kind} conversation has no field {camel(min(clean))}.")
    return given


def _require(given: Data, names: Iterable[str]) -> None:
    if missing := set(names) - {name for name, value in given.items() if value != ""}:
        errors = [FieldError(camel(name), "required", "This field is required.") for name in sorted(missing)]
        raise Invalid("Some fields are not valid.", errors=errors)


def _seen(people: dict[UUID, User], user_id: UUID) -> User:
    if user_id not in people:
        raise NotFound(subject_id=user_id)
    return people[user_id]


def _require_role(user: User, role: str) -> None:
    if user.role != role:
        raise _invalid(f"{role}_id", f"This person is no {role}.")


def _invalid(name: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(camel(name), "invalid", message)])
