"""What the OpenAPI document says about signing in and about the ways a request of people and sessions can fail."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from core import errors
from core.errors import AppError
from core.rest.errors import PROBLEM


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The `access` token of `POST /auth/token`. It ends after five minutes, or with its session.",
        }


_PROBLEM = {"$ref": "#/components/schemas/Problem"}

SIGNED_IN: tuple[type[AppError], ...] = (
    errors.Unauthenticated,
    errors.TokenInvalid,
    errors.TokenExpired,
    errors.TokenRevoked,
    errors.RateLimited,
    errors.DatabaseUnavailable,
)
"""How every route for people who are signed in can fail."""

BODY: tuple[type[AppError], ...] = (errors.Invalid, errors.UnknownField, errors.TooLarge, errors.UnsupportedMediaType)
"""How every route with a body can fail."""


def problems(*kinds: type[AppError]) -> dict[tuple[int, str], OpenApiResponse]:
    """One response for each status, with an example for each code, to spread into `responses=`."""
    by_status: dict[int, list[type[AppError]]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.status, []).append(kind)
    return {(status, PROBLEM): _response(found) for status, found in sorted(by_status.items())}


def _response(kinds: list[type[AppError]]) -> OpenApiResponse:
    description = " · ".join(f"`{kind.code}`: {kind.title}" for kind in kinds)
    return OpenApiResponse(_PROBLEM, description, [_example(kind) for kind in kinds])


def _example(kind: type[AppError]) -> OpenApiExample:
    body = kind().as_problem("0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d8e")
    return OpenApiExample(kind.code, body, response_only=True, status_codes=[str(kind.status)], media_type=PROBLEM)
