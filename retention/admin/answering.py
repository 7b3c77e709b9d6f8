"""What the pages of retention have in common: what a service refuses stands in the log, and on the form."""

from typing import Any

from django import forms
from django.http import HttpRequest

from audit.admin_base import actor_in_admin
from core import doors
from core.errors import AppError, Refused

_FIELDS = {"targetKind": "target_kind", "caseId": "case_id"}


def explain(request: HttpRequest, form: forms.Form, error: AppError) -> None:
    """Put what was refused beside its fields, and into the log where it was a matter of rights. What is no answer to
    whoever asked (the database is away) goes on."""
    if error.status >= 500:
        raise error
    if isinstance(error, Refused):
        doors.record_refusal(actor_in_admin(request), f"admin {request.method} {request.path}"[:100], error)
    for one in error.errors:
        field = _FIELDS.get(one.field, one.field)
        form.add_error(field if field in form.fields else None, one.message)
    if not error.errors:
        form.add_error(None, error.detail)


def chosen(values: Any) -> list[tuple[str, str]]:
    """Choices of a field that may be left open."""
    return [("", "any"), *((one, one) for one in sorted(values))]
