"""What somebody holds who is signed in, and the rows behind it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

import audit
from accounts import tokens
from accounts.models import LoginSession, RefreshToken, User
from accounts.tokens import RefreshValue
from core.actor import Actor
from core.ids import uuid7
from core.time import now
from encryption.keyring import keyring

_LONGEST_USER_AGENT = 200


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in person: the tokens in their hands. `expires_in` is the access token's life in seconds."""

    user: User
    session_id: UUID
    access: str
    refresh: str
    expires_in: int
    refresh_expires_at: datetime

    def __repr__(self) -> str:
        return f"<SignedIn {self.session_id}>"


def open_session(user: User, address: str, user_agent: str, request_id: str) -> SignedIn:
    """A new session of `user`, recorded as theirs; inside an `audit.transaction()`."""
    moment = now()
    session = LoginSession.objects.create(
        id=uuid7(),
        user=user,
        created_at=moment,
        last_seen=moment,
        expires_at=moment + timedelta(seconds=settings.REFRESH_LIFETIME),
        user_agent=_shown(user_agent),
        ip_h=keyring().keyed_hash("accounts.address", address.encode()) if address else None,
    )
    first = tokens.new_refresh()
    add_token(session, first)
    audit.record("session.started", actor=actor_of(user, session.id, address, request_id), object_id=session.id)
    return signed_in(user, session, first)


def add_token(session: LoginSession, value: RefreshValue) -> None:
    """Let `value` continue the session once, until it has been idle for too long or the session ends."""
    moment = now()
    idle = moment + timedelta(seconds=settings.REFRESH_IDLE_LIFETIME)
    RefreshToken.objects.create(
        hash=value.hash, session=session, created_at=moment, expires_at=min(idle, session.expires_at)
    )


def signed_in(user: User, session: LoginSession, value: RefreshValue) -> SignedIn:
    access, expires_in = tokens.issue_access(user.id, session.id, session.expires_at)
    return SignedIn(user, session.id, access, str(value), expires_in, session.expires_at)


def actor_of(user: User, session_id: UUID | None, address: str, request_id: str) -> Actor:
    """Who acts in a session of `user`, as read from the database just now."""
    return Actor(
        id=user.id,
        role=user.role,
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        session_id=session_id,
        address=address,
        request_id=request_id,
    )


def _shown(user_agent: str) -> str:
    """What the device calls itself, as far as it can be shown in a list."""
    return "".join(c for c in user_agent if c.isprintable())[:_LONGEST_USER_AGENT]
