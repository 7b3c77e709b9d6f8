"""Refresh tokens: each continues its session once; one that comes back later ends it.

R0 → R1 is one conditional UPDATE of R0's row, so of many that come with R0 at once exactly one moves on. R1 is derived
from R0: who comes with R0 again within REFRESH_GRACE, because the answer was lost or another tab was faster, gets that
same R1. Who comes later has kept a token that was given away, or has stolen it. Which of the two cannot be known, so
the session ends for both (RFC 9700 4.14.2).
"""

from datetime import datetime, timedelta

from django.conf import settings

import audit
from accounts import querysets, tokens
from accounts.limiting import refresh_failures
from accounts.models import Ended, LoginSession, RefreshToken
from accounts.services.ending import end_all
from accounts.services.signing_in import SignedIn, actor_of, add_token, signed_in
from accounts.tokens import RefreshValue
from core import limits
from core.actor import Actor
from core.errors import RefreshReused, TokenExpired, TokenInvalid
from core.time import now


def refresh(*, token: str, address: str = "", request_id: str = "") -> SignedIn:
    """New tokens for a refresh token, which that uses up. A repeat within REFRESH_GRACE seconds gets the same one.

    Raises TokenInvalid for what never was one, TokenExpired, TokenRevoked when its session has ended or its account is
    disabled, and RefreshReused after ending the session of a token that was used before. RateLimited after too many
    tokens that never were.
    """
    failures = refresh_failures(address)
    failures.require_room()
    try:
        value = tokens.read_refresh(token)
        with audit.transaction():
            answer = _continue(value, address, request_id)
    except TokenInvalid:
        failures.count()
        raise
    if answer is None:  # Not raised above: ending the session has to be committed.
        raise RefreshReused()
    return answer


def _continue(value: RefreshValue, address: str, request_id: str) -> SignedIn | None:
    """None when the token was used before and its session is ended now."""
    moment = now()
    rotated = _use(value, moment)
    found = RefreshToken.objects.select_related("session__user").filter(hash=value.hash).first()
    if found is None:
        raise TokenInvalid()
    querysets.require_live(found.session)
    actor = actor_of(found.session.user, found.session.id, address, request_id)
    limits.enforce("REQUEST", actor.id)
    if rotated:
        return _rotated(found.session, value, moment, actor)
    if found.used_at is None:
        raise TokenExpired()
    if moment - found.used_at <= timedelta(seconds=settings.REFRESH_GRACE):
        return signed_in(found.session.user, found.session, _given_before(value))
    _end_reused(found.session, actor)
    return None


def _use(value: RefreshValue, moment: datetime) -> bool:
    """Whether this call is the one that used the token up. One statement, and each condition is on the row itself: a
    concurrent one waits for this row and then finds `used_at` set."""
    live = LoginSession.objects.filter(revoked_at=None, expires_at__gt=moment, user__is_active=True)
    unused = RefreshToken.objects.filter(hash=value.hash, used_at=None, expires_at__gt=moment)
    return unused.filter(session__in=live.values("id")).update(used_at=moment) == 1


def _rotated(session: LoginSession, value: RefreshValue, moment: datetime, actor: Actor) -> SignedIn:
    following = value.successors()[0]
    add_token(session, following)
    LoginSession.objects.filter(id=session.id).update(last_seen=moment)
    audit.record("session.refreshed", actor=actor, object_id=session.id)
    return signed_in(session.user, session, following)


def _given_before(value: RefreshValue) -> RefreshValue:
    """The token that took the place of `value`, derived again under whichever key it was."""
    candidates = {candidate.hash: candidate for candidate in value.successors()}
    stored = RefreshToken.objects.filter(hash__in=list(candidates)).values_list("hash", flat=True).first()
    if stored is None:  # The key it was derived with has been taken away meanwhile.
        raise TokenInvalid()
    return candidates[bytes(stored)]


def _end_reused(session: LoginSession, actor: Actor) -> None:
    end_all(LoginSession.objects.filter(id=session.id), Ended.REUSED, actor=actor)
    audit.record("session.reused", actor=actor, object_id=session.id, outcome="deny")
