"""How tokens look: the only place that knows. Access tokens are JWTs, made and read with simplejwt; refresh tokens are
opaque.

    access    {"alg":"HS256","typ":"at+jwt","kid":"j1"}.{"iss","aud","sub","sid","jti","iat","exp"}.signature
    refresh   43 characters of base64url: 32 bytes

An access token says who and which session, and nothing else about the person (RFC 9068 names the type, RFC 8725 what to
refuse). The first refresh token of a session is random; each next one is HMAC-SHA256 of the one before, so that a
client whose answer was lost can be given the same one again with nothing stored but hashes.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
import orjson
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    ExpiredTokenError,
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token

from core.errors import TokenExpired, TokenInvalid
from core.ids import parse_uuid
from core.time import now
from encryption.formats import expand

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = AUDIENCE = "parley"

_CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "exp")
# Times are compared below, with the clock that everybody goes by.
_OPTIONS: Any = {"require": list(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_iat": False}
_LATEST = 2**33  # Seconds that every platform can make a date of.
_SHORTEST_KEY = 32
_LONGEST_HEADER = 256
_LONGEST_TOKEN = 4096
_REFRESH_BYTES = 32
_REFRESH_INFO = b"mx/refresh/1"


# ---- Keys --------------------------------------------------------------------------------------------------------


def keys() -> Mapping[str, bytes]:
    """The keys of JWT_KEYS by their ids; the first one signs, all of them verify. Raises ImproperlyConfigured."""
    return _parsed(settings.JWT_KEYS)


@lru_cache(maxsize=4)
def _parsed(text: str) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        kid, _, value = entry.partition(":")
        if not kid or kid in found:
            raise ImproperlyConfigured("JWT_KEYS must be id:key,… with each id once.")
        found[kid] = _key(kid, value)
    if not found:
        raise ImproperlyConfigured("JWT_KEYS is missing: give it as id:key, the key 32 random bytes in base64.")
    return found


def _key(kid: str, value: str) -> bytes:
    try:
        key = _from_base64(value)
    except ValueError:
        raise ImproperlyConfigured(f"JWT_KEYS: the key of {kid} is not base64.") from None
    if len(key) < _SHORTEST_KEY:
        raise ImproperlyConfigured(f"JWT_KEYS: the key of {kid} is shorter than {_SHORTEST_KEY} bytes.")
    return key


def _from_base64(value: str) -> bytes:
    bare = value.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


# ---- Access tokens -----------------------------------------------------------------------------------------------


class Backend(TokenBackend):
    """simplejwt's backend with several keys. One algorithm, and headers that say exactly what ours say."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        super().__init__(ALGORITHM, audience=AUDIENCE, issuer=ISSUER)
        self._keys = keys
        self._active = next(iter(keys))
        self._key_named_by = lru_cache(maxsize=64)(self._read_header)

    def get_leeway(self) -> timedelta:
        return timedelta(seconds=settings.TOKEN_LEEWAY)

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        headers = {"typ": TYPE, "kid": self._active}
        return jwt.encode(claims, self._keys[self._active], algorithm=ALGORITHM, headers=headers)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        if not verify:
            raise TokenBackendError("a token that is not verified says nothing")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key_named_by(token.partition(".")[0]),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=settings.TOKEN_LEEWAY,
                options=_OPTIONS,
            )
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("invalid") from error
        _require_present(claims["iat"], claims["exp"])
        return claims

    def _read_header(self, segment: str) -> bytes:
        """The key a header names. A header with anything else in it (`crit`, `jwk`, `jku`, `x5u`, `b64` …) is refused
        and never acted upon: nobody but this server makes these tokens."""
        if len(segment) > _LONGEST_HEADER:
            raise TokenBackendError("header")
        try:
            header = orjson.loads(_from_base64(segment))
        except ValueError:
            raise TokenBackendError("header") from None
        kid = header.get("kid") if isinstance(header, dict) else None
        if not isinstance(kid, str) or header != {"alg": ALGORITHM, "typ": TYPE, "kid": kid} or kid not in self._keys:
            raise TokenBackendError("header")
        return self._keys[kid]


def _require_present(issued_at: object, expires_at: object) -> None:
    """Whether the token is good now, give or take the leeway."""
    if type(issued_at) is not int or type(expires_at) is not int or expires_at > _LATEST:
        raise TokenBackendError("times")
    moment = now().timestamp()
    if expires_at <= moment - settings.TOKEN_LEEWAY:
        raise TokenBackendExpiredToken("expired")
    if issued_at > moment + settings.TOKEN_LEEWAY:
        raise TokenBackendError("not yet")


class AccessToken(Token):
    token_type = TYPE
    lifetime = timedelta(0)  # Each is issued with the time it ends.

    @classmethod
    def of_session(cls, user_id: UUID, session_id: UUID, expires_at: datetime) -> "AccessToken":
        token = cls()
        del token[api_settings.TOKEN_TYPE_CLAIM]
        token["sub"], token["sid"] = str(user_id), str(session_id)
        token.set_iat(at_time=now())
        token.set_exp(from_time=expires_at, lifetime=timedelta(0))
        return token

    def verify(self) -> None:
        """The backend has looked at every claim, and at the type, which stands in the header (RFC 9068 2.1)."""

    def get_token_backend(self) -> Backend:
        return _backend(settings.JWT_KEYS)


@lru_cache(maxsize=4)
def _backend(text: str) -> Backend:
    return Backend(_parsed(text))


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good access token says."""

    user_id: UUID
    session_id: UUID
    expires_at: datetime


def issue_access(user_id: UUID, session_id: UUID, session_ends: datetime) -> tuple[str, int]:
    """An access token and the seconds it lives: ACCESS_TOKEN_LIFETIME, but never longer than its session."""
    moment = now()
    expires_at = min(moment + timedelta(seconds=settings.ACCESS_TOKEN_LIFETIME), session_ends)
    return str(AccessToken.of_session(user_id, session_id, expires_at)), int((expires_at - moment).total_seconds())


def read_access(text: str) -> Claims:
    """The claims of an access token. Raises TokenExpired for one that was good once, TokenInvalid for anything else.

    Whether its session still lives is for the database to say (`accounts.authentication`).
    """
    if len(text) > _LONGEST_TOKEN or not text.isascii():
        raise TokenInvalid()
    try:
        token = AccessToken(text)  # type: ignore[arg-type]  # simplejwt annotates the encoded token as a Token
    except ExpiredTokenError:
        raise TokenExpired() from None
    except TokenError:
        raise TokenInvalid() from None
    user_id, session_id = parse_uuid(token["sub"]), parse_uuid(token["sid"])
    if user_id is None or session_id is None:
        raise TokenInvalid()
    return Claims(user_id, session_id, datetime.fromtimestamp(token["exp"], UTC))


# ---- Refresh tokens ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefreshValue:
    """A refresh token in memory; never stored, never logged."""

    raw: bytes

    def __repr__(self) -> str:
        return "<RefreshValue>"

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode()

    @property
    def hash(self) -> bytes:
        """What is stored of it. A plain hash will do: the token has 256 random bits."""
        return hashlib.sha256(self.raw).digest()

    def successors(self) -> "list[RefreshValue]":
        """The next token under each key of JWT_KEYS, the active one first: when the keys change between a rotation and
        its repeat, the one that was given out is still among them."""
        return [RefreshValue(hmac.digest(expand(key, _REFRESH_INFO), self.raw, "sha256")) for key in keys().values()]


def new_refresh() -> RefreshValue:
    """The first refresh token of a session."""
    return RefreshValue(os.urandom(_REFRESH_BYTES))


def read_refresh(text: str) -> RefreshValue:
    """Raises TokenInvalid for what cannot be a refresh token, an access token for example."""
    try:
        value = RefreshValue(base64.b64decode(text + "=", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise TokenInvalid() from None
    if len(value.raw) != _REFRESH_BYTES or str(value) != text:
        raise TokenInvalid()
    return value
