"""Every failure of a REST request as one of `core.errors`, rendered as problem+json (RFC 9457)."""

import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from core import doors, measuring, outcomes
from core.actor import Actor
from core.database import as_unavailable
from core.errors import (
    AppError,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RateLimited,
    Refused,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from core.rest.json import dump

_problems = measuring.counter("http_problems", "Errors that were answered over HTTP, by code.", "code")
for _code in ("database_unavailable", "audit_unavailable", "key_unavailable", "storage_full"):
    _problems.inc(_code, by=0)  # There from the beginning: an alert on an increase would not see the first one.

PROBLEM = "application/problem+json"
DEFECT = 500

_DRF: dict[type[Exception], type[AppError]] = {
    drf.NotAuthenticated: Unauthenticated,
    drf.AuthenticationFailed: Unauthenticated,
    drf.PermissionDenied: Forbidden,
    drf.NotFound: NotFound,
    drf.MethodNotAllowed: MethodNotAllowed,
    drf.NotAcceptable: NotAcceptable,
    drf.UnsupportedMediaType: UnsupportedMediaType,
    drf.Throttled: RateLimited,
    drf.ParseError: Invalid,
    drf.ValidationError: Invalid,
    PermissionDenied: Forbidden,
    Http404: NotFound,
    RequestDataTooBig: TooLarge,
    SuspiciousOperation: Invalid,
}


def as_app_error(error: BaseException) -> AppError | None:
    """The answer that `error` means, or None when it is a defect."""
    if isinstance(error, AppError):
        return error
    if unavailable := as_unavailable(error):
        return unavailable
    for kind, answer in _DRF.items():
        if isinstance(error, kind):
            return answer()
    return None


def problem(error: AppError, request_id: str) -> HttpResponse:
    """The answer for `error`, with `Retry-After` when a repeat can succeed and a challenge when a sign-in can."""
    count(error)
    response = HttpResponse(dump(error.as_problem(request_id)), status=error.status, content_type=PROBLEM)
    if error.retry_after_ms is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after_ms / 1000))
    if isinstance(error, Unauthenticated):
        response["WWW-Authenticate"] = "Bearer"
    if error.status != DEFECT:
        # Django would log every 503 as a failure of its own: anybody could ring the operator's alarm.
        response._has_been_logged = True  # type: ignore[attr-defined]  # the mark that Django itself sets and reads
    return response


def count(error: AppError) -> None:
    """One more answer by this error."""
    _problems.inc(error.code)
    if error.status == DEFECT:
        outcomes.defects.inc()


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | Response | None:
    """DRF's hook: what went wrong, as an answer. A refusal of somebody who is signed in is audited first.

    None for a defect: Django then answers 500 and logs it.
    """
    request = context["request"]
    found = as_app_error(error)
    if found is None:
        return None
    if isinstance(found, Refused) and isinstance(request.auth, Actor):
        found = recorded(request.auth, context["view"].attempted(), found)
    response = problem(found, request_id_of(request))
    if isinstance(found, MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)  # RFC 9110, 15.5.6
    return response


def recorded(actor: Actor, attempted: str, error: Refused) -> AppError:
    """`error`, once it stands in the audit log, or what is to be said instead (`doors.recorded`). In a database
    thread."""
    return doors.recorded(actor, attempted, error)


def request_id_of(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")
