"""Changing one's password."""

from collections.abc import Iterator
from contextlib import contextmanager

import audit
from accounts import passwords, querysets
from accounts.limiting import password_failures
from accounts.models import Ended, LoginSession, User
from accounts.services.ending import end_all
from core.actor import SYSTEM, Actor
from core.errors import FieldError, Invalid, TokenRevoked


def change_password(*, actor: Actor, current_password: str, new_password: str) -> None:
    """From COMMIT on only `new_password` signs in, and every session of the actor but the present one has ended.

    Raises Invalid when the current password is wrong or the new one too weak; RateLimited after too many wrong ones:
    whoever has taken over a session must not find out the password with it.
    """
    failures = password_failures(actor.id)
    failures.require_room()
    for field, password in (("currentPassword", current_password), ("newPassword", new_password)):
        passwords.require_usable(password, field)
    user = User.objects.get(pk=actor.id)
    passwords.require_strong(new_password, user, "newPassword")
    with passwords.hashing():
        failures.require_room()
        correct = passwords.check(current_password, user.password).correct
        if correct:
            encoded = passwords.encode(new_password)
        else:
            failures.count()
    if not correct:
        _refuse(actor)
    _store(actor, user, encoded)


def _refuse(actor: Actor) -> None:
    with audit.transaction():
        audit.record("password.changed", actor=actor, object_id=actor.id, outcome="deny", reason="wrong_password")
    wrong = FieldError("currentPassword", "wrong", "This is not your password.")
    raise Invalid("Some fields are not valid.", errors=[wrong])


def _store(actor: Actor, checked: User, encoded: str) -> None:
    with audit.transaction():
        user = User.objects.select_for_update(no_key=True).get(pk=checked.pk)
        if not user.is_active or user.password != checked.password:
            raise TokenRevoked()  # Disabled, or the password was changed by another session, which ended this one.
        user.password = encoded
        user.save(update_fields=["password"])
        audit.record("password.changed", actor=actor, object_id=user.id)
        others = LoginSession.objects.filter(user=user).exclude(id__in=querysets.session_of(actor).values("id"))
        end_all(others, Ended.PASSWORD, actor=actor)


@contextmanager
def password_set_elsewhere(user: User) -> Iterator[None]:
    """Around a save of `user` with a password that none of the services here has set: every session ends with it."""
    with audit.transaction():
        yield
        audit.record("password.changed", actor=SYSTEM, object_id=user.id)
        end_all(LoginSession.objects.filter(user=user), Ended.PASSWORD, actor=SYSTEM)
