"""The routes of the members of a conversation."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from core.rest import query_bool
from messaging import serializers as shapes
from messaging.events import members as events
from messaging.views.base import (
    BANNED,
    FORBIDDEN,
    FULL,
    LAST_OWNER,
    MISSING,
    Route,
    created,
    documented,
    perform,
    with_path,
)

_BLOCKED = OpenApiParameter("blocked", bool, description="Those who were banned instead; for owner and moderators.")


class MembersView(Route):
    params = {"GET": frozenset({"blocked"})}

    @documented(events.members, parameters=[_BLOCKED], responses={200: shapes.MembersOut} | FORBIDDEN)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        blocked = query_bool(request._request, "blocked")
        asked = {} if blocked is None else {"blocked": blocked}
        return self.ask(events.members, asked, conversationId=conversation_id)

    @documented(
        events.add,
        request=shapes.NewMembersBody,
        responses={
            **created(shapes.MembersOut, "They belong to it now.", "All of them did already."),
            **FORBIDDEN,
            **MISSING,
            **BANNED,
        },
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        added = events.add.run(self.actor, with_path(request.data, conversationId=conversation_id))
        _, new = added
        return Response(events.add.answer(added, self.actor), status=201 if new else 200)


class MemberView(Route):
    @documented(
        events.update,
        request=shapes.MemberPatchBody,
        responses={200: shapes.MemberOut, **FORBIDDEN, **MISSING, **LAST_OWNER},
    )
    def patch(self, request: Request, conversation_id: UUID, user_id: UUID) -> Response:
        return self.ask(events.update, request.data, conversationId=conversation_id, userId=user_id)

    @documented(events.remove, responses={204: None, **FORBIDDEN, **MISSING, **LAST_OWNER})
    def delete(self, request: Request, conversation_id: UUID, user_id: UUID) -> Response:
        perform(events.remove, self.actor, with_path({}, conversationId=conversation_id, userId=user_id))
        return Response(status=204)


class JoinView(Route):
    @documented(events.join, request=None, responses={200: shapes.ConversationOut, **FORBIDDEN, **FULL})
    def post(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.join, request.data, conversationId=conversation_id)


class LeaveView(Route):
    @documented(events.leave, request=None, responses={204: None, **FORBIDDEN, **LAST_OWNER})
    def post(self, request: Request, conversation_id: UUID) -> Response:
        perform(events.leave, self.actor, with_path(request.data, conversationId=conversation_id))
        return Response(status=204)
