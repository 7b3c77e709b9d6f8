"""From a token to an actor: the one way, for REST and for sockets.

The token says which session; the session's row, read each time, says whether it lives and who its person is now.
Nothing about the person comes from the token.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import querysets, tokens
from accounts.models import LoginSession, User
from accounts.services.signing_in import actor_of
from core.actor import Actor
from core.errors import AppError, Refused, TokenInvalid, Unauthenticated
from core.network import client_address
from core.rest.asked import attempted
from core.rest.errors import as_app_error, problem, recorded, request_id_of
from core.time import now
from realtime import threads
from realtime.wiring import Ticket

AsyncView = Callable[..., Coroutine[Any, Any, HttpResponseBase]]

_SEEN_EVERY = timedelta(minutes=1)


def actor_for(token: str, address: str, request_id: str) -> tuple[User, Actor, datetime]:
    """Whom an access token stands for now, as user and as actor, and when the token ends. For a database thread.

    Raises TokenInvalid, TokenExpired or TokenRevoked (AccountDisabled is a kind of it). Reads once; once a minute it
    also writes that the session was seen.
    """
    session, expires_at = _session_for(token)
    return session.user, actor_of(session.user, session.id, address, request_id), expires_at


def _session_for(token: str) -> tuple[LoginSession, datetime]:
    claims = tokens.read_access(token)
    session = querysets.session_with_user(claims.session_id)
    if session is None or session.user_id != claims.user_id:
        raise TokenInvalid()
    querysets.require_live(session)
    _seen(session)
    return session, claims.expires_at


def _seen(session: LoginSession) -> None:
    moment = now()
    if session.last_seen > moment - _SEEN_EVERY:
        return
    # On the old value, so that of many requests at once one writes.
    LoginSession.objects.filter(id=session.id, last_seen=session.last_seen).update(last_seen=moment)


def ticket_for(token: str, address: str) -> Ticket:
    """The same for a socket, which lives until the token ends."""
    session, expires_at = _session_for(token)
    return Ticket(actor_of(session.user, session.id, address, ""), expires_at, session.presence)


def address_of(request: HttpRequest | Request) -> str:
    """The client's address, past the proxies that the settings trust."""
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR")
    return client_address(request.META.get("REMOTE_ADDR", ""), forwarded_for, settings.TRUSTED_PROXIES)


def bearer_token(request: HttpRequest | Request) -> str | None:
    """The token of `Authorization: Bearer …` (RFC 6750); None without that header or with another scheme.

    Raises TokenInvalid when it is no token at all.
    """
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    if not token or " " in token:
        raise TokenInvalid()
    return token


class BearerAuthentication(BaseAuthentication):
    """`request.user` is the user, `request.auth` the actor."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        token = bearer_token(request)
        if token is None:
            return None
        user, actor, _ = actor_for(token, address_of(request), request_id_of(request._request))
        return user, actor

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def signed_in(view: AsyncView) -> AsyncView:
    """A plain async view for people who are signed in: `request.actor` says who asks, `request.user` is their row.

    What the view raises becomes the answer, as in DRF's views; refusals stand in the audit log before it is sent.
    """

    @wraps(view)
    async def signed_in_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            await _sign_in(request)
            return await view(request, *args, **kwargs)
        except Exception as error:
            found = as_app_error(error)
            if found is None:
                raise
            return problem(await _after_recording(request, found), request_id_of(request))

    signed_in_view.csrf_exempt = True  # type: ignore[attr-defined]  # a bearer token cannot be sent by another site
    return signed_in_view


async def _sign_in(request: HttpRequest) -> None:
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated()
    found = await threads.run(actor_for, token, address_of(request), request_id_of(request))
    request.user, request.actor, _ = found  # type: ignore[attr-defined]  # the promise of this decorator


async def _after_recording(request: HttpRequest, error: AppError) -> AppError:
    actor = getattr(request, "actor", None)
    if isinstance(error, Refused) and actor is not None:
        return await threads.run(recorded, actor, attempted(request), error)
    return error
