"""The refresh token as a cookie, for browsers: no script can read it.

    Set-Cookie: __Host-refresh=…; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=604800

`__Host-` binds it to exactly this host. Plain `refresh` without `Secure` only where browsers have no HTTPS to talk of:
on this machine itself. What the cookie alone may do (refresh, logout) needs the header `X-Parley: 1` besides, which a
form on another site cannot send.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import NamedTuple

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core.errors import Forbidden
from core.time import now


class _Kind(NamedTuple):
    name: str
    secure: bool


_SECURE = _Kind("__Host-refresh", True)
_LOOPBACK = _Kind("refresh", False)


def refresh_cookie(request: HttpRequest) -> str | None:
    """The refresh token in the request's cookie. Raises Forbidden where it comes without the header."""
    token = request.COOKIES.get(_kind(request).name)
    if token is not None and not speaks_parley(request):
        raise Forbidden("The refresh cookie works only together with the header X-Parley: 1.")
    return token


def speaks_parley(request: HttpRequest) -> bool:
    """Whether the header `X-Parley: 1` is there."""
    return request.headers.get("X-Parley") == "1"


def set_refresh_cookie(request: HttpRequest, response: HttpResponseBase, token: str, expires_at: datetime) -> None:
    kind = _kind(request)
    response.set_cookie(
        kind.name,
        token,
        max_age=int((expires_at - now()).total_seconds()),
        path="/",
        secure=kind.secure,
        httponly=True,
        samesite="Strict",
    )


def drop_refresh_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Tell the browser to forget the cookie it sent, if it sent one."""
    name = _kind(request).name
    if name in request.COOKIES:
        response.delete_cookie(name, path="/", samesite="Strict")


def _kind(request: HttpRequest) -> _Kind:
    return _LOOPBACK if not request.is_secure() and _is_loopback(request.get_host()) else _SECURE


def _is_loopback(host: str) -> bool:
    """`localhost`, `127.0.0.1:8000`, `[::1]:8000`."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
