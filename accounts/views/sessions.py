"""GET /auth/sessions, DELETE /auth/sessions/{id}, POST /auth/password."""

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import querysets, services
from accounts.schema import BODY, SIGNED_IN, problems
from accounts.serializers import PasswordIn, SessionsOut, session_out
from accounts.views.base import PersonView
from core import errors
from core.rest.paging import MOST, USUAL, cursor_answer, page_of
from core.shapes import validate

CURSOR = OpenApiParameter("cursor", str, description="`nextCursor` of the page before.")
LIMIT = OpenApiParameter("limit", int, description=f"1 to {MOST}, {USUAL} if absent.")


class SessionsView(PersonView):
    params = {"GET": frozenset({"cursor", "limit"})}

    @extend_schema(
        operation_id="listSessions",
        summary="My devices",
        description="Where I am signed in now, the newest first.",
        parameters=[CURSOR, LIMIT],
        responses={
            200: SessionsOut,
            **problems(errors.Invalid, errors.InvalidCursor, errors.UnknownParam, *SIGNED_IN),
        },
        examples=[
            OpenApiExample(
                "One device",
                {
                    "results": [
                        {
                            "id": "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d8e",
                            "createdAt": "2026-11-21T08:00:00.000Z",
                            "lastSeenAt": "2026-11-21T09:12:40.000Z",
                            "expiresAt": "2026-11-28T08:00:00.000Z",
                            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0",
                            "current": True,
                        }
                    ],
                    "nextCursor": None,
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        page = page_of(request._request, "sessions", self.actor.id)
        before = UUID(page.position[0]) if page.position else None
        rows = list(querysets.live_sessions(self.actor.id, before)[: page.limit + 1])
        current = self.actor.session_id
        return Response(cursor_answer(page, rows, lambda row: session_out(row, current), lambda row: [str(row.id)]))


class SessionView(PersonView):
    @extend_schema(
        operation_id="endSession",
        summary="Sign one device out",
        description="Its tokens are refused and its sockets close (4410) at once. A repeat is fine.",
        responses={204: OpenApiResponse(description="It has ended."), **problems(*SIGNED_IN, errors.NotFound)},
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        services.end_session(actor=self.actor, session_id=session_id)
        return Response(status=204)


class PasswordView(PersonView):
    @extend_schema(
        operation_id="changePassword",
        summary="Change my password",
        description=(
            "Every other session of mine ends. A wrong current password is 400 with an error for `currentPassword`; "
            "after 10 of them within 15 minutes: 429."
        ),
        request=PasswordIn,
        responses={204: OpenApiResponse(description="Changed."), **problems(*BODY, errors.InvalidText, *SIGNED_IN)},
        examples=[OpenApiExample("Change", {"currentPassword": "…", "newPassword": "…"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        services.change_password(actor=self.actor, **validate(PasswordIn, request.data))
        return Response(status=204)
