"""POST /auth/token, /auth/token/refresh, /auth/logout, /auth/logout-all."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.authentication import address_of
from accounts.cookies import drop_refresh_cookie, refresh_cookie, set_refresh_cookie, speaks_parley
from accounts.schema import BODY, SIGNED_IN, problems
from accounts.serializers import AccessOut, RefreshIn, TokenIn, TokenOut, access_out, token_out
from accounts.views.base import OpenView, PersonView
from core import errors
from core.errors import FieldError, Invalid, Unauthenticated
from core.rest.errors import request_id_of
from core.rest.views import ApiView
from core.shapes import validate

_ACCESS = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImoxIiwidHlwIjoiYXQrand0In0.…"
_USER = {
    "id": "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d8e",
    "username": "provider1",
    "displayName": "Dr. Iris Berg",
    "role": "provider",
    "isActive": True,
}
_X_PARLEY = OpenApiParameter(
    "X-Parley", str, OpenApiParameter.HEADER, description="`1`; needed where the refresh cookie is used.", enum=["1"]
)


class TokenView(OpenView):
    @extend_schema(
        operation_id="signIn",
        summary="Sign in",
        description=(
            "The same answer for every failure: wrong password, unknown name, disabled account. After 10 failures of "
            "an account from one address (50 of an account, 100 of an address) within 15 minutes: 429 until they are "
            "forgotten. With `cookie: true` the refresh token is set as cookie `__Host-refresh` (`refresh` on http "
            "loopback) and `refresh` is absent."
        ),
        auth=[],
        request=TokenIn,
        responses={
            200: TokenOut,
            **problems(*BODY, errors.InvalidText, Unauthenticated, errors.RateLimited, errors.DatabaseUnavailable),
        },
        examples=[
            OpenApiExample("Sign in", {"username": "provider1", "password": "…"}, request_only=True),
            OpenApiExample(
                "Signed in",
                {"access": _ACCESS, "expiresIn": 300, "refresh": "q5Zk…", "user": _USER},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        given = validate(TokenIn, request.data)
        cookie = given.pop("cookie")
        signed_in = services.log_in(
            **given,
            address=address_of(request),
            user_agent=request.headers.get("User-Agent", ""),
            request_id=request_id_of(request._request),
        )
        response = Response(token_out(signed_in, cookie=cookie))
        if cookie:
            set_refresh_cookie(request._request, response, signed_in.refresh, signed_in.refresh_expires_at)
        return response


class RefreshView(OpenView):
    @extend_schema(
        operation_id="refreshTokens",
        summary="New tokens for a refresh token",
        description=(
            "Uses the refresh token up. A repeat within 5 seconds gets the same new one; a later one ends the session "
            "(`refresh_reused`). Without `refresh` in the body the cookie is taken, and the header `X-Parley: 1` must "
            "be there. A refresh token left idle for 12 hours, or a session 7 days old, is `token_expired`."
        ),
        auth=[],
        parameters=[_X_PARLEY],
        request=RefreshIn,
        responses={
            200: AccessOut,
            **problems(
                *BODY, *SIGNED_IN, errors.RefreshReused, errors.Forbidden, errors.InvalidText, errors.AuditUnavailable
            ),
        },
        examples=[
            OpenApiExample("Refresh", {"refresh": "q5Zk…"}, request_only=True),
            OpenApiExample("Refresh by cookie", {}, request_only=True),
            OpenApiExample(
                "Refreshed",
                {"access": _ACCESS, "expiresIn": 300, "refresh": "Wm1A…"},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        in_body = validate(RefreshIn, request.data).get("refresh")
        signed_in = services.refresh(
            token=in_body or _token_in_cookie(request),
            address=address_of(request),
            request_id=request_id_of(request._request),
        )
        response = Response(access_out(signed_in, cookie=not in_body))
        if not in_body:
            set_refresh_cookie(request._request, response, signed_in.refresh, signed_in.refresh_expires_at)
        return response


def _token_in_cookie(request: Request) -> str:
    token = refresh_cookie(request._request)
    if token:
        return token
    if speaks_parley(request._request):
        raise Unauthenticated()  # A browser whose cookie has run out.
    raise Invalid("Some fields are not valid.", errors=[FieldError("refresh", "required", "This field is required.")])


class LogoutView(ApiView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="signOut",
        summary="Sign out",
        description=(
            "Ends the session: its access tokens are refused and its sockets close (4410) at once. Without a bearer "
            "token the refresh cookie says which session, and the header `X-Parley: 1` must be there."
        ),
        parameters=[_X_PARLEY],
        request=None,
        responses={204: OpenApiResponse(description="Signed out."), **problems(*SIGNED_IN, errors.Forbidden)},
    )
    def post(self, request: Request) -> Response:
        if request.auth is not None:
            services.log_out(actor=self.actor)
        else:
            _log_out_by_cookie(request)
        response = Response(status=204)
        drop_refresh_cookie(request._request, response)
        return response


def _log_out_by_cookie(request: Request) -> None:
    token = refresh_cookie(request._request)
    if not token:
        raise Unauthenticated()
    services.log_out_by_token(token=token, address=address_of(request), request_id=request_id_of(request._request))


class LogoutAllView(PersonView):
    @extend_schema(
        operation_id="signOutEverywhere",
        summary="Sign out everywhere",
        description="Ends every session of mine, this one too.",
        request=None,
        responses={204: OpenApiResponse(description="Signed out everywhere."), **problems(*SIGNED_IN)},
    )
    def post(self, request: Request) -> Response:
        services.log_out_everywhere(actor=self.actor)
        response = Response(status=204)
        drop_refresh_cookie(request._request, response)
        return response
