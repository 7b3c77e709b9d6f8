"""Whatever goes wrong in a REST request, as one of the errors of the wire."""

from uuid import uuid4

import pytest
from django.core import exceptions as django
from django.db import IntegrityError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf

from core import errors
from core.errors import AppError, FieldError
from core.rest import as_app_error, parse_json, problem

pytestmark = [pytest.mark.core, pytest.mark.no_database]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (drf.NotAuthenticated(), 401, "unauthenticated"),
        (drf.AuthenticationFailed(), 401, "unauthenticated"),
        (drf.PermissionDenied(), 403, "forbidden"),
        (drf.NotFound(), 404, "not_found"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.NotAcceptable(), 406, "not_acceptable"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (drf.Throttled(), 429, "rate_limited"),
        (drf.ParseError(), 400, "invalid"),
        (drf.ValidationError("x"), 400, "invalid"),
        (django.PermissionDenied(), 403, "forbidden"),
        (Http404(), 404, "not_found"),
        (django.TooManyFieldsSent(), 400, "invalid"),
        (django.RequestDataTooBig(), 413, "too_large"),
        (django.SuspiciousOperation(), 400, "invalid"),
        (OperationalError("away"), 503, "database_unavailable"),
    ],
)
def test_what_frameworks_raise_has_a_code(error: Exception, status: int, code: str) -> None:
    found = as_app_error(error)
    assert found is not None
    assert (found.status, found.code) == (status, code)


@pytest.mark.parametrize("error", [ValueError("x"), IntegrityError("x"), KeyError("x")])
def test_a_defect_is_no_answer(error: Exception) -> None:
    assert as_app_error(error) is None


def test_words_of_frameworks_do_not_reach_clients() -> None:
    """They repeat what was sent, and name our classes."""
    assert "canary" not in str(as_app_error(drf.ValidationError({"canary": ["canary"]})))
    found = as_app_error(Http404("No User matches canary"))
    assert found is not None
    assert found.as_problem("r") == errors.NotFound().as_problem("r")


def test_every_404_is_the_same_but_for_the_request() -> None:
    """Also with ids in hand, which are for the audit log alone."""
    known = errors.NotFound(subject_id=uuid4(), conversation_id=uuid4())
    assert known.as_problem("r") == errors.NotFound().as_problem("r")


def kinds(of: type[AppError]) -> list[type[AppError]]:
    return [of, *(kind for child in of.__subclasses__() for kind in kinds(child))]


def test_each_code_means_one_thing() -> None:
    """Clients switch on codes: one code is one status, and everywhere the same."""
    statuses: dict[str, set[int]] = {}
    for kind in kinds(AppError):
        if "code" in vars(kind):
            statuses.setdefault(kind.code, set()).add(kind.status)
    ambiguous = {code: found for code, found in statuses.items() if len(found) > 1}
    assert ambiguous == {"too_large": {413, 431}}


def test_a_problem_says_when_to_come_again_and_when_to_sign_in() -> None:
    response = problem(errors.RateLimited(retry_after_ms=1), "r")
    assert (response["Retry-After"], response["Content-Type"]) == ("1", "application/problem+json")
    assert problem(errors.TokenExpired(), "r")["WWW-Authenticate"] == "Bearer"
    assert "Retry-After" not in problem(errors.NotFound(), "r")


def test_field_errors_are_told_by_their_names_on_the_wire() -> None:
    wrong = errors.Invalid(errors=[FieldError("displayName", "max_length", "Too long.")])
    assert wrong.as_problem("r")["errors"] == [{"field": "displayName", "code": "max_length", "message": "Too long."}]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 10_000, b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b"\xff\xfe", b"\xef\xbb\xbf{}", b"{} {}"],
    ids=["half", "nested", "NaN", "infinity", "too large a number", "not UTF-8", "byte order mark", "two"],
)
def test_what_is_no_json_is_invalid(body: bytes) -> None:
    with pytest.raises(errors.Invalid):
        parse_json(body)


def test_half_a_surrogate_pair_is_named() -> None:
    with pytest.raises(errors.InvalidText):
        parse_json(b'{"a": "\\ud800"}')
