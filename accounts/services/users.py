"""Creating people, changing them, disabling and enabling them."""

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError

import audit
from accounts import names, passwords, policies
from accounts.models import RIGHTS_ARE_FOR_STAFF, Ended, LoginSession, Role, User
from accounts.services.ending import end_all
from core.actor import Actor
from core.errors import Conflict, FieldError, Forbidden, Invalid
from core.shapes import camel
from realtime import announce

PROFILE = frozenset({"display_name", "time_zone", "language", "out_of_office"})
"""What people change about themselves."""

_EMPTY_IS_NONE = frozenset({"display_name", "email", "out_of_office"})


def create_user(
    *,
    actor: Actor,
    username: str,
    password: str | None,
    role: str = Role.PATIENT,
    display_name: str | None = None,
    email: str | None = None,
    time_zone: str = "UTC",
    language: str = "en",
    is_staff: bool = False,
    is_superuser: bool = False,
    weak_password_allowed: bool = False,
) -> User:
    """A new person who can sign in with `password`, or not at all when it is None.

    `weak_password_allowed` passes over AUTH_PASSWORD_VALIDATORS: for demonstration data and tests. Raises Invalid with
    an entry for each field that is wrong (a name that is taken in any case of its letters among them), and Forbidden
    when `actor` may not create such a person.
    """
    policies.can_create(actor, role, is_staff=is_staff, is_superuser=is_superuser)
    user = User(
        username=username,
        display_name=display_name or None,
        email=email or None,
        role=str(role),
        time_zone=time_zone,
        language=language,
        is_staff=is_staff,
        is_superuser=is_superuser,
    )
    _require_clean(user)
    _require_coherent(user, has_password=password is not None)
    if password is not None:
        passwords.require_usable(password, "password")
        if not weak_password_allowed:
            passwords.require_strong(password, user, "password")
    with passwords.hashing():
        user.password = passwords.encode(password)
    _store_new(actor, user)
    return user


def _store_new(actor: Actor, user: User) -> None:
    try:
        with audit.transaction():
            user.save(force_insert=True)
            names.index(user.id, user.display_name)
            audit.record("user.created", actor=actor, object_id=user.id, details={"role": user.role})
    except IntegrityError as error:
        raise _wrong("username", "unique", "This name is taken.") from error


def update_profile(*, actor: Actor, user: User, changes: Mapping[str, Any]) -> User:
    """Change what somebody says about themselves; returns the user as stored.

    `changes` has names of PROFILE. Empty text takes a name or note away. What changes nothing writes nothing. Raises
    Invalid with an entry for each field that is wrong, Forbidden for somebody else's profile unless `actor` manages it.
    """
    if unknown := changes.keys() - PROFILE:
        raise TypeError(f"{sorted(unknown)} are not part of a profile")
    if actor.id != user.id:
        policies.can_manage(actor, user)
    with audit.transaction():
        user = _locked(user)
        changed = [name for name, value in changes.items() if _set(user, name, value)]
        if changed:
            _require_clean(user, changed)
            user.save(update_fields=changed)
            if "display_name" in changed:
                names.index(user.id, user.display_name)
            audit.record("user.updated", actor=actor, object_id=user.id, details={"fields": sorted(changed)})
    return user


def change_authority(
    *,
    actor: Actor,
    user: User,
    role: str | None = None,
    is_staff: bool | None = None,
    is_superuser: bool | None = None,
    groups: Collection[Group] | None = None,
) -> User:
    """Give somebody another role, other rights or other groups; None leaves one as it is. Returns the user as stored.

    Their sessions end: sockets know the role of the person who opened them. A repeat changes nothing. Raises Forbidden
    unless `actor` is a superuser and somebody else, and Invalid for rights without the role staff, for a group of
    somebody who may not use the admin, and for a bot with a password.
    """
    policies.can_grant(actor, user)
    wanted = {"role": role, "is_staff": is_staff, "is_superuser": is_superuser}
    with audit.transaction():
        user = _locked_by(actor, user)
        changed = {name: value for name, value in wanted.items() if value is not None and _set(user, name, value)}
        regrouped = _regrouped(user, groups)
        if regrouped and groups and not user.is_staff:
            raise _wrong("groups", "group_without_staff", "Only people who may use the admin can be in a group.")
        if changed or regrouped:
            _require_clean(user, changed)
            _require_coherent(user, has_password=user.has_usable_password())
            user.sign_outs += 1
            user.save(update_fields=[*changed, "sign_outs"])
            audit.record("user.updated", actor=actor, object_id=user.id, details=changed | regrouped)
            end_all(LoginSession.objects.filter(user=user), Ended.AUTHORITY, actor=actor)
    return user


def disable_user(*, actor: Actor, user: User) -> User:
    """From COMMIT on this person can do nothing: no sign-in, no request, no socket. Returns the user as stored.

    A repeat does nothing. Raises Forbidden when `actor` may not manage them.
    """
    policies.can_manage(actor, user)
    with audit.transaction():
        user = _locked_by(actor, user)
        if user.is_active:
            user.is_active = False
            user.sign_outs += 1
            user.save(update_fields=["is_active", "sign_outs"])
            audit.record("user.disabled", actor=actor, object_id=user.id)
            end_all(LoginSession.objects.filter(user=user), Ended.DISABLED, actor=actor)
            announce.user_disabled(user.id)
    return user


def enable_user(*, actor: Actor, user: User) -> User:
    """They can sign in again; sessions that ended stay ended. Returns the user as stored.

    A repeat does nothing. Raises Forbidden when `actor` may not manage them, Conflict for somebody who was erased.
    """
    policies.can_manage(actor, user)
    with audit.transaction():
        user = _locked(user)
        if user.erased_at is not None:
            raise Conflict("They were erased: there is nobody who could sign in.")
        if not user.is_active:
            user.is_active = True
            user.save(update_fields=["is_active"])
            audit.record("user.enabled", actor=actor, object_id=user.id)
    return user


def _locked(user: User) -> User:
    """The row as it is now, kept from others until the end of the transaction. Rows that refer to it may still be
    written: nobody's messages wait for a change of their profile."""
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _locked_by(actor: Actor, user: User) -> User:
    """The same, by somebody who is still who they were when they asked: of two superusers who take each other's rights
    away at once one is left. Raises Forbidden."""
    rows = User.objects.select_for_update(no_key=True).filter(pk__in={actor.id, user.pk}).order_by("pk")
    found = {row.pk: row for row in rows}
    asking = found.get(actor.id)
    if asking is None or not asking.is_active or (actor.is_superuser and not asking.is_superuser):
        raise Forbidden("Your own rights were taken away meanwhile.", subject_id=user.pk)
    return found[user.pk]


def _regrouped(user: User, groups: Collection[Group] | None) -> dict[str, list[str]]:
    """Put the person into exactly these groups; returns their names if that changed anything."""
    if groups is None:
        return {}
    names = sorted(group.name for group in groups)
    if names == sorted(user.groups.values_list("name", flat=True)):
        return {}
    user.groups.set(groups)
    return {"groups": names}


def _set(user: User, name: str, value: Any) -> bool:
    """Whether `value` differs from what was there."""
    if name in _EMPTY_IS_NONE:
        value = value or None
    if getattr(user, name) == value:
        return False
    setattr(user, name, value)
    return True


def _require_coherent(user: User, *, has_password: bool) -> None:
    """Role, rights and password that make sense together. The database holds the first half too."""
    if user.role != Role.STAFF and (user.is_staff or user.is_superuser):
        raise _wrong("role", "rights_without_staff", RIGHTS_ARE_FOR_STAFF)
    if user.role == Role.BOT and has_password:
        raise _wrong("role", "bot_with_password", "A bot has no password.")


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(field, code, message)])


def _require_clean(user: User, changed: Collection[str] | None = None) -> None:
    """Of a new person everything; of another what has `changed`: a name from before a stricter rule is in nobody's
    way."""
    fields = {field.name for field in User._meta.concrete_fields}
    try:
        user.clean_fields(exclude={"password"} if changed is None else fields - set(changed))
    except ValidationError as refused:
        errors = [
            FieldError(camel(name), error.code or "invalid", error.messages[0])
            for name, found in refused.error_dict.items()
            for error in found
        ]
        raise Invalid("Some fields are not valid.", errors=errors) from None
