"""Who may start a conversation with whom, by role. The one table; the directory follows it.

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


def roles_reachable_by(role: str) -> frozenset[str]:
    """The roles somebody with `role` may start a conversation with; none for a role that does not exist."""
    return _MAY_START_WITH.get(role, frozenset())


def may_start_with(actor_role: str, other_role: str) -> bool:
    """Whether `actor_role` may start a conversation with `other_role`. Not symmetric: everybody may answer."""
    return other_role in roles_reachable_by(actor_role)
