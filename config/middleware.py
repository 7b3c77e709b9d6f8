"""What surrounds every request. All of it runs on the event loop for the API; only the admin and static files, which
are Django's own and synchronous, cost a hop to a thread."""

from asyncio import iscoroutinefunction
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import async_to_sync, markcoroutinefunction, sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import DisallowedHost
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from structlog.contextvars import bind_contextvars, clear_contextvars
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.admin_second_factor import ask_for
from config import admin_refusals
from config.headers import SECURITY, STRICT_TRANSPORT
from config.metrics import requests
from core.errors import Invalid, MethodNotAllowed
from core.ids import uuid7
from core.rest import problem
from core.rest.errors import PROBLEM

Answer = HttpResponseBase
GetResponse = Callable[[HttpRequest], Any]

_FOR_ONE = "private, no-store"
"""What files say (attachments.serving.heads), in so many words for caches that take `no-store` lightly."""

STATIC = "/static/"
ADMIN = "/admin/"


class Envelope:
    """Gives each request its id, turns away a wrong Host and TRACE, and puts the security headers on every answer."""

    sync_capable = async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer | Awaitable[Answer]:
        # The server's own: a client that chose it could tie its requests to another's in the logs.
        request_id = request.request_id = str(uuid7())  # type: ignore[attr-defined]  # read by core.rest
        requests.begun(request)
        # Whatever is logged on behalf of this request, in whichever thread, names it.
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        refusal = _refusal(request)
        answer = refusal or self.get_response(request)
        return _seal_awaited(request, answer) if iscoroutinefunction(self) else _seal(request, answer)


def _refusal(request: HttpRequest) -> Answer | None:
    request_id: str = request.request_id  # type: ignore[attr-defined]  # set by Envelope
    if request.method == "TRACE":
        return problem(MethodNotAllowed(), request_id)
    if request.path.startswith(ADMIN) and "%00" in request.META.get("QUERY_STRING", ""):
        # The admin hands parameters to the database as they come, and PostgreSQL knows no NUL in a text.
        return problem(Invalid("A parameter has a NUL character."), request_id)
    if request.path.startswith(ADMIN) and (request.encoding or "utf-8").lower() != "utf-8":
        # In a charset of the client's choice come halves of surrogate pairs, which no page and no database can hold.
        return problem(Invalid("Forms are sent in UTF-8."), request_id)
    try:
        request.get_host()
    except DisallowedHost:
        return problem(Invalid("This server does not answer to that host name."), request_id)
    return None


async def _seal_awaited(request: HttpRequest, answer: Answer | Awaitable[Answer]) -> Answer:
    return _seal(request, await answer if isinstance(answer, Awaitable) else answer)


def _seal(request: HttpRequest, response: Answer) -> Answer:
    request_id: str = request.request_id  # type: ignore[attr-defined]  # set by Envelope
    requests.answered(request, response)
    if response.status_code == MethodNotAllowed.status and response["Content-Type"] != PROBLEM:
        response = _explained(response, request_id)
    if request.path.startswith(ADMIN) and admin_refusals.is_for_a_person(request, response):
        admin_refusals.as_page(cast(HttpResponse, response), request_id)
    response["X-Request-ID"] = request_id
    for name, value in SECURITY.items():
        response.setdefault(name, value)
    if isinstance(response, HttpResponse):
        response.setdefault("Content-Length", str(len(response.content)))
    if request.is_secure():
        response["Strict-Transport-Security"] = STRICT_TRANSPORT
    own = request.path.startswith(STATIC) and response.status_code == 200
    if not own and response.get("Cache-Control") != _FOR_ONE:
        response["Cache-Control"] = "no-store"
    return response


def _explained(response: Answer, request_id: str) -> Answer:
    """Django's own views, and those of files, refuse a method without a word."""
    explained = problem(MethodNotAllowed(), request_id)
    explained["Allow"] = response["Allow"]
    return explained


class StaticFiles:
    """WhiteNoise, for `/static/` alone."""

    sync_capable = async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.files: GetResponse = sync_to_async(_in_one_piece(WhiteNoiseMiddleware(async_to_sync(get_response))))
        else:
            self.files = WhiteNoiseMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> Any:
        return self.files(request) if request.path.startswith(STATIC) else self.get_response(request)


def _in_one_piece(files: GetResponse) -> GetResponse:
    """The files are small and an open file cannot be read on the event loop, so each is read in the thread that found
    it."""

    def respond(request: HttpRequest) -> Answer:
        found: Answer = files(request)
        if not isinstance(found, FileResponse):
            return found
        content = b"" if request.method == "HEAD" else b"".join(map(bytes, found))
        found.close()
        return HttpResponse(content, status=found.status_code, headers=dict(found.items()))

    return respond


class _AdminOnly(MiddlewareMixin):
    """One of Django's middlewares, left out for everything but the admin, which alone has cookies and sessions."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if request.path.startswith(ADMIN) else self.get_response(request)


class AdminSessions(_AdminOnly, SessionMiddleware):
    """The outermost of the admin's, so what all of them used is given back here."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        finally:
            close_old_connections()


class AdminAuthentication(_AdminOnly, AuthenticationMiddleware):
    """The admin's own views are under `csrf_protect`, so there is no CSRF middleware."""


class AdminMessages(_AdminOnly, MessageMiddleware):
    pass


class AdminSecondFactor(_AdminOnly):
    """Whatever page of the admin it is: it is not a view's business to remember the second factor."""

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        return ask_for(request)
