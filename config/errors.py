"""Answers to what never reaches a view of ours: unknown addresses, malformed requests, defects."""

import sys

from django.http import HttpRequest, HttpResponse

from accounts.admin_forms import actor_of_admin
from core.database import as_unavailable
from core.errors import AppError, Forbidden, Invalid, NotFound
from core.rest import as_app_error, problem
from core.rest.errors import recorded, request_id_of


class Defect(AppError):
    status, code, title = 500, "defect", "This is a defect of the server; it has been logged."


def expected(error: BaseException | None) -> AppError | None:
    """The answer that was meant by an error which left a view outside DRF; None for a defect."""
    return error if isinstance(error, AppError) else as_unavailable(error)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(as_app_error(exception) or Invalid(), request_id_of(request))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403. Only the admin raises it for somebody who is signed in; it is recorded like every other refusal."""
    error: AppError = Forbidden()
    if getattr(request, "user", None) is not None and request.user.is_authenticated:
        error = recorded(actor_of_admin(request), f"admin {request.method} {request.path}"[:100], Forbidden())
    return problem(error, request_id_of(request))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that nobody has: which there are is no secret, unlike what is found under them."""
    return problem(NotFound("No such address: /api/schema has them all. None ends in a slash."), request_id_of(request))


def defect(request: HttpRequest) -> HttpResponse:
    """What nobody else answered. A database that is away, noticed outside the views (the admin's sessions), is none."""
    return problem(expected(sys.exc_info()[1]) or Defect(), request_id_of(request))
