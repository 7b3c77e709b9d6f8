"""What a role permits: who may start a conversation with whom, and more. The one place; the directory follows it.

Nobody starts a conversation with a bot: bots answer where they have been put, and one of them is the server itself.
"""

from accounts.models import Role

_PEOPLE = frozenset(Role.values) - {Role.BOT.value}

_MAY_START_WITH: dict[str, frozenset[str]] = {
    Role.PATIENT.value: frozenset({Role.PROVIDER.value, Role.STAFF.value}),
    Role.PROVIDER.value: frozenset({Role.PATIENT.value, Role.PROVIDER.value, Role.STAFF.value}),
    Role.STUDENT.value: frozenset({Role.STUDENT.value, Role.INSTRUCTOR.value, Role.STAFF.value}),
    Role.INSTRUCTOR.value: frozenset({Role.STUDENT.value, Role.INSTRUCTOR.value, Role.STAFF.value}),
    Role.STAFF.value: _PEOPLE,
    Role.BOT.value: frozenset(),
}


KEEPERS_OF_RECORDS = frozenset({Role.PROVIDER.value, Role.STAFF.value})
"""Who works with patient records."""


_TEACHING = frozenset({Role.INSTRUCTOR.value, Role.STAFF.value})
_GUIDING = _TEACHING | {Role.PROVIDER.value}

ROOM_GOERS = _GUIDING | {Role.STUDENT.value}
"""Who finds and joins rooms that are open to others. Patients are in a room only when somebody has added them."""

_MAY_CREATE: dict[str, frozenset[str]] = {
    "group": ROOM_GOERS,
    "private": ROOM_GOERS,
    "study_group": ROOM_GOERS,
    "public": _GUIDING,
    "course": _TEACHING,
}


def roles_reachable_by(role: str) -> frozenset[str]:
    """The roles somebody with `role` may start a conversation with; none for a role that does not exist."""
    return _MAY_START_WITH.get(role, frozenset())


def may_start_with(actor_role: str, other_role: str) -> bool:
    """Whether `actor_role` may start a conversation with `other_role`. Not symmetric: everybody may answer."""
    return other_role in roles_reachable_by(actor_role)


def may_create_room(role: str, kind: str) -> bool:
    """Whether somebody with `role` may create a room of this kind; of other kinds nobody creates rooms."""
    return role in _MAY_CREATE.get(kind, frozenset())


def may_find_rooms(role: str) -> bool:
    """Whether somebody with `role` may find and join rooms that are open to others."""
    return role in ROOM_GOERS
