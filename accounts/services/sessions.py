"""Signing in and out."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import F

import audit
from accounts import limiting, passwords, policies, querysets, tokens
from accounts.models import Ended, LoginSession, RefreshToken, User
from accounts.services.ending import end_all
from accounts.services.second_factor import show_second_factor
from accounts.services.signing_in import SignedIn, actor_of, open_session
from core.actor import SYSTEM, SYSTEM_ID, Actor
from core.errors import Invalid, NotFound, RateLimited, TokenInvalid, TokenRevoked, Unauthenticated

REFUSAL = "The username, the password or the code is not right, or the account cannot sign in."
"""The one answer to every sign-in that fails, so that it tells neither who has an account nor that a password is
right."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Somebody who says they are `username`; nothing of it is proven."""

    username: str
    password: str = field(repr=False)
    otp: str = field(repr=False)
    address: str
    request_id: str


def log_in(
    *, username: str, password: str, otp: str = "", address: str, user_agent: str = "", request_id: str = ""
) -> SignedIn:
    """A new session for whoever knows the password, and shows a code (`otp`) if they have an authenticator app.

    Raises Unauthenticated with the one same text, after the same work, for a wrong password, an unknown name, a
    disabled account and one without a password; also without the right code, and for staff who have set up no app where
    ADMIN_REQUIRE_TOTP says that everybody has one (they do that in the admin). Raises Invalid for a password no account
    can have; RateLimited after too many failures.
    """
    passwords.require_usable(password, "password")
    attempt = _Attempt(username, password, otp, address, request_id)
    user = User.objects.find(username)
    checked = _checked(attempt, user)
    if (
        checked is None
        or not _has_second_factor(checked.user, attempt)
        or ((signed_in := _open(checked, user_agent, attempt)) is None)
    ):
        _record_refusal(user, attempt)
        raise Unauthenticated(REFUSAL)
    return signed_in


class _Checked(NamedTuple):
    """A person whose password was right. `rehashed` replaces a stored hash weaker than today's settings make them."""

    user: User
    rehashed: str | None


def _checked(attempt: _Attempt, user: User | None) -> _Checked | None:
    failures = limiting.login_failures(attempt.username, attempt.address)
    failures.require_room()
    with passwords.hashing():
        # Once more: others may have failed while this one waited, and a hundred at once must not be a hundred guesses.
        failures.require_room()
        verdict = passwords.check(attempt.password, user.password if user else None)
        if user is None or not verdict.correct or not policies.may_use_password(user):
            failures.count()
            return None
        return _Checked(user, passwords.encode(attempt.password) if verdict.outdated else None)


def _has_second_factor(user: User, attempt: _Attempt) -> bool:
    """Whether they showed the one they have, or need none."""
    actor = actor_of(user, None, attempt.address, attempt.request_id)
    try:
        device = show_second_factor(actor=actor, code=attempt.otp)
    except (Invalid, RateLimited):  # Recorded there; said in other words it would tell that the password was right.
        return False
    return device is not None or not (user.is_staff and settings.ADMIN_REQUIRE_TOTP)


def _open(checked: _Checked, user_agent: str, attempt: _Attempt) -> SignedIn | None:
    """None when the account was disabled or got another password since it was read."""
    with audit.transaction():
        user = User.objects.select_for_update(no_key=True).get(pk=checked.user.pk)
        if not policies.may_use_password(user) or user.password != checked.user.password:
            return None
        if checked.rehashed:
            user.password = checked.rehashed
            user.save(update_fields=["password"])
        return open_session(user, attempt.address, user_agent, attempt.request_id)


def _record_refusal(user: User | None, attempt: _Attempt) -> None:
    """The name somebody typed is not recorded when it is nobody's: people type passwords into that field."""
    if user is None:
        actor = Actor(SYSTEM_ID, SYSTEM.role, address=attempt.address, request_id=attempt.request_id)
    else:
        actor = actor_of(user, None, attempt.address, attempt.request_id)
    with audit.transaction():
        audit.record("session.refused", actor=actor, object_id=user.id if user else None, outcome="deny")


def start_session(*, user: User, address: str = "", user_agent: str = "", request_id: str = "") -> SignedIn:
    """A new session of somebody who proved in another way who they are. Raises TokenRevoked for a disabled account."""
    with audit.transaction():
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not user.is_active:
            raise TokenRevoked()
        return open_session(user, address, user_agent, request_id)


def log_out(*, actor: Actor) -> None:
    """End the actor's session. From COMMIT on its tokens are refused and its sockets close. A repeat does nothing."""
    with audit.transaction():
        end_all(querysets.session_of(actor), Ended.LOGOUT, actor=actor)


def log_out_by_token(*, token: str, address: str = "", request_id: str = "") -> None:
    """The same for who has only the session's refresh token left. Raises TokenInvalid, TokenExpired or TokenRevoked."""
    value = tokens.read_refresh(token)
    found = RefreshToken.objects.select_related("session__user").filter(hash=value.hash).first()
    if found is None:
        raise TokenInvalid()
    querysets.require_live(found.session)
    log_out(actor=actor_of(found.session.user, found.session.id, address, request_id))


def log_out_everywhere(*, actor: Actor) -> None:
    """End every session of the actor, the present one and those of the admin too."""
    with audit.transaction():
        User.objects.filter(pk=actor.id).update(sign_outs=F("sign_outs") + 1)
        end_all(LoginSession.objects.filter(user=actor.id), Ended.LOGOUT_ALL, actor=actor)


def end_session(*, actor: Actor, session_id: UUID) -> None:
    """End one of the actor's sessions. One that has ended already stays so; raises NotFound for anybody else's."""
    mine = LoginSession.objects.filter(id=session_id, user=actor.id)
    if not mine.exists():
        raise NotFound(subject_id=session_id)
    with audit.transaction():
        end_all(mine, Ended.REVOKED, actor=actor)


def end_session_of_another(*, actor: Actor, session_id: UUID) -> None:
    """End somebody's session, whosever it is. One that has ended already stays so.

    Raises NotFound for none, and Forbidden when `actor` may not manage its person; their own session they may end.
    """
    session = LoginSession.objects.select_related("user").filter(id=session_id).first()
    if session is None:
        raise NotFound(subject_id=session_id)
    if session.user_id != actor.id:
        policies.can_manage(actor, session.user)
    with audit.transaction():
        end_all(LoginSession.objects.filter(id=session_id), Ended.REVOKED, actor=actor)
