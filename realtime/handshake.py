"""Who may open a connection at all, decided before anything is accepted: origin, address, and how many there are.

The query string is never looked at, cookies neither: a token travels in the first frame or in `Authorization`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from core.network import client_address
from realtime.bucket import Bucket

Scope = MutableMapping[str, Any]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def header(scope: Scope, name: bytes) -> str | None:
    """The header's value, the last of several; None when it is absent."""
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[-1].decode("latin-1") if found else None


def address(scope: Scope) -> str:
    """The client's IP address, as far as the proxies in front can be believed."""
    client = scope.get("client") or ("",)
    forwarded = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == b"x-forwarded-for"]
    return client_address(str(client[0]), ",".join(forwarded) or None, settings.TRUSTED_PROXIES)


def names_one_host(scope: Scope) -> bool:
    """Two servers in a row must not disagree about whom a request is for (RFC 9112, 3.2)."""
    return [key.lower() for key, _ in scope["headers"]].count(b"host") == 1


def bearer_token(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer …`, which native clients may send."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def origin_allowed(scope: Scope) -> bool:
    """Whether a page of this origin may connect: any other page could, in its visitor's name (CSWSH).

    An origin must be on the list, exactly by scheme, host and port. Without a list it must be the server's own, by a
    host name the server answers to: a name that an attacker points here is not one. No origin is a native client.
    """
    origin = header(scope, b"origin")
    if origin is None:
        return bool(settings.ALLOW_NATIVE_CLIENTS)
    place = _place(origin)
    if place is None:
        return False
    if settings.ALLOWED_ORIGINS:
        return place in _places(settings.ALLOWED_ORIGINS)
    return place == _own_place(scope)


def _places(origins: Iterable[str]) -> set[tuple[str, str, int] | None]:
    return {_place(origin) for origin in origins}


def _place(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None when it is no origin (`null`, a path, a user name …)."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    bare = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return (parts.scheme, parts.hostname, port) if bare and parts.hostname and port else None


def _own_place(scope: Scope) -> tuple[str, str, int] | None:
    host = header(scope, b"host") or ""
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return None
    return _place(f"{'https' if _is_secure(scope) else 'http'}://{host}")


def _is_secure(scope: Scope) -> bool:
    if settings.TRUSTED_PROXIES:
        return (header(scope, b"x-forwarded-proto") or "").rpartition(",")[2].strip() == "https"
    return scope.get("scheme") == "wss"


class Doorstep:
    """Connections that have not shown a token yet: how many, from where, and how many came this second."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nobody waits, nobody came."""
        self._waiting: Counter[str] = Counter()
        self._handshakes: Bucket | None = None

    def full(self, address: str) -> bool:
        """Whether no further one may wait, from this address or at all."""
        return (
            self._waiting[address] >= settings.UNAUTHENTICATED_PER_ADDRESS
            or self._waiting.total() >= settings.UNAUTHENTICATED_TOTAL
        )

    def overrun(self) -> bool:
        """Count a handshake; True when they are too many: those who come back after an outage must not cause another.

        The limit is of the process, not of anybody: 200 per second.
        """
        if self._handshakes is None:
            self._handshakes = Bucket("HANDSHAKES")
        return not self._handshakes.take()

    def enter(self, address: str) -> Callable[[], None]:
        """One more waits. Call the result when it is recognised or gone; a second call does nothing."""
        self._waiting[address] += 1
        inside = True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                left = self._waiting.pop(address, 0) - 1
                if left > 0:
                    self._waiting[address] = left

        return leave


doorstep = Doorstep()
"""The one of this process; on the event loop only."""
