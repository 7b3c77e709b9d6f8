"""Who may manage whom. Pure: each policy raises Forbidden or returns.

Superusers manage everybody but themselves; staff manage people who have no rights of their own. The server itself
(`core.actor.SYSTEM`: commands, the first start) may do everything.
"""

from accounts.models import Role, User
from accounts.permissions import KEEPERS_OF_RECORDS
from core.actor import SYSTEM_ID, Actor
from core.errors import Forbidden

_GRANTED_BY_SUPERUSERS = frozenset({Role.STAFF.value, Role.BOT.value})


def can_create(actor: Actor, role: str, *, is_staff: bool, is_superuser: bool) -> None:
    """Staff create people; only superusers create staff, bots and anybody with rights."""
    if _is_almighty(actor):
        return
    if not actor.is_staff:
        raise Forbidden("Only staff may create people.")
    if is_staff or is_superuser or role in _GRANTED_BY_SUPERUSERS:
        raise Forbidden("Only superusers may create staff and bots.")


def can_manage(actor: Actor, user: User) -> None:
    """Disable and enable."""
    if user.id == SYSTEM_ID:
        raise Forbidden("The server's own user stays as it is.", subject_id=user.id)
    if user.id == actor.id:
        raise Forbidden("Nobody disables or promotes themselves.", subject_id=user.id)
    if _is_almighty(actor) or (actor.is_staff and not has_rights(user)):
        return
    raise Forbidden("Only superusers may do this to staff.", subject_id=user.id)


def can_grant(actor: Actor, user: User) -> None:
    """Change somebody's role and rights."""
    can_manage(actor, user)
    if not _is_almighty(actor):
        raise Forbidden("Only superusers may change roles and rights.", subject_id=user.id)


def can_erase(actor: Actor, user: User) -> None:
    """Erase somebody for good: nobody who has all rights, so that nobody gets rid of the others unseen."""
    can_manage(actor, user)
    if user.is_superuser:
        raise Forbidden("Superusers are not erased: take that right away first.", subject_id=user.id)


def can_keep_records(actor: Actor, subject: Actor) -> None:
    """Patient records as a whole: list them, make one, look one up by its number."""
    if actor.role not in KEEPERS_OF_RECORDS:
        raise Forbidden("Only providers and staff work with patient records.")


def may_use_password(user: User) -> bool:
    """With a password: whatever password a bot was given, by a command too, it opens nothing."""
    return user.is_active and user.role != Role.BOT.value


def has_rights(user: User) -> bool:
    return user.is_staff or user.is_superuser or user.role in _GRANTED_BY_SUPERUSERS


def _is_almighty(actor: Actor) -> bool:
    return actor.is_superuser or actor.id == SYSTEM_ID
