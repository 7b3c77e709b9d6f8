"""GET and PATCH /me, GET /users, GET /users/{id}."""

from typing import cast
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import querysets, services
from accounts.models import User
from accounts.schema import BODY, SIGNED_IN, problems
from accounts.serializers import MeOut, ProfileIn, UserOut, UsersOut, me_out, user_out
from accounts.views.base import PersonView
from accounts.views.sessions import CURSOR, LIMIT
from core import errors
from core.errors import FieldError, Invalid
from core.rest.paging import cursor_answer, page_of
from core.shapes import validate
from core.text import storable

_LONGEST_SEARCH = 100


class MeView(PersonView):
    @extend_schema(
        operation_id="getMe",
        summary="My profile",
        description="As I see it, which is more than others see.",
        responses={200: MeOut, **problems(*SIGNED_IN)},
    )
    def get(self, request: Request) -> Response:
        return Response(me_out(querysets.person(self.actor, self.actor.id)))

    @extend_schema(
        operation_id="updateMe",
        summary="Change my profile",
        description="Only what is sent changes. Role and rights are not mine to change: `unknown_field`.",
        request=ProfileIn,
        responses={200: MeOut, **problems(*BODY, errors.InvalidText, *SIGNED_IN)},
        examples=[
            OpenApiExample(
                "Change",
                {"displayName": "Dr. Iris Berg", "timeZone": "Europe/Berlin", "language": "de", "outOfOffice": None},
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request) -> Response:
        changes = validate(ProfileIn, request.data)
        user = services.update_profile(actor=self.actor, user=cast(User, request.user), changes=changes)
        return Response(me_out(user))


class UsersView(PersonView):
    params = {"GET": frozenset({"search", "cursor", "limit"})}

    @extend_schema(
        operation_id="listUsers",
        summary="The directory",
        description=(
            "Whom I may start a conversation with, and whom I share one with, in the order of their usernames. "
            "`search` finds usernames that begin with it and display names that have all its words; case and accents "
            "do not matter."
        ),
        parameters=[
            OpenApiParameter("search", str, description=f"At most {_LONGEST_SEARCH} characters."),
            CURSOR,
            LIMIT,
        ],
        responses={
            200: UsersOut,
            **problems(errors.Invalid, errors.InvalidCursor, errors.UnknownParam, *SIGNED_IN, errors.AuditUnavailable),
        },
    )
    def get(self, request: Request) -> Response:
        page = page_of(request._request, "users", self.actor.id)
        people = services.view_people(
            actor=self.actor,
            search=_search(request),
            after=UUID(page.position[0]) if page.position else None,
            limit=page.limit,
        )
        return Response(cursor_answer(page, people, user_out, lambda user: [str(user.id)]))


class UserView(PersonView):
    @extend_schema(
        operation_id="getUser",
        summary="One person",
        description="404 for everybody outside my directory, whether they exist or not.",
        responses={200: UserOut, **problems(*SIGNED_IN, errors.NotFound, errors.AuditUnavailable)},
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        return Response(user_out(services.view_person(actor=self.actor, user_id=user_id)))


def _search(request: Request) -> str:
    search = request.query_params.get("search", "")
    if len(search) > _LONGEST_SEARCH or not storable(search):
        message = f"A search has at most {_LONGEST_SEARCH} characters, and none that cannot be stored."
        raise Invalid("A query parameter is not valid.", errors=[FieldError("search", "invalid", message)])
    return search.strip()
