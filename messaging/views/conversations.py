"""The routes of conversations."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from core.rest import query_bool, query_int
from messaging import serializers as shapes
from messaging.events import conversations as events
from messaging.views.base import FORBIDDEN, FULL, LIMIT, MISSING, Route, created, documented, perform, with_path

_LIST = [
    OpenApiParameter("kind", str, description="Only conversations of this kind."),
    OpenApiParameter("archived", bool, description="Only archived ones, or only others."),
    OpenApiParameter("cursor", str, description="`nextCursor` of the page before."),
    LIMIT,
]
_DISCOVER = [
    OpenApiParameter("search", str, description="Whole words of the room's name."),
    OpenApiParameter("cursor", str, description="`nextCursor` of the page before."),
    LIMIT,
]


class ConversationsView(Route):
    params = {"GET": frozenset({"kind", "archived", "cursor", "limit"})}

    @documented(events.list_mine, parameters=_LIST)
    def get(self, request: Request) -> Response:
        query = {name: value for name, value in request.query_params.items() if name in {"kind", "cursor"}}
        limit = query_int(request._request, "limit", 50, 1, shapes.MOST_PER_PAGE)
        archived = query_bool(request._request, "archived")
        asked = {**query, "limit": limit} | ({} if archived is None else {"archived": archived})
        return Response(perform(events.list_mine, self.actor, asked))

    @documented(
        events.create,
        request=shapes.ConversationIn,
        responses={
            **created(shapes.ConversationOut, "It was opened now.", "There was this one, and you are in it."),
            **FORBIDDEN,
            **MISSING,
            **FULL,
        },
    )
    def post(self, request: Request) -> Response:
        opened = events.create.run(self.actor, request.data)
        _, created = opened
        return Response(events.create.answer(opened, self.actor), status=201 if created else 200)


class DiscoverView(Route):
    params = {"GET": frozenset({"search", "cursor", "limit"})}

    @documented(events.discover, parameters=_DISCOVER)
    def get(self, request: Request) -> Response:
        query = {name: value for name, value in request.query_params.items() if name in {"search", "cursor"}}
        limit = query_int(request._request, "limit", 50, 1, shapes.MOST_PER_PAGE)
        return Response(perform(events.discover, self.actor, {**query, "limit": limit}))


class ConversationView(Route):
    @documented(events.get)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.get, conversationId=conversation_id)

    @documented(
        events.update,
        request=shapes.ConversationPatchBody,
        responses={200: shapes.ConversationOut} | FORBIDDEN,
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.update, request.data, conversationId=conversation_id)

    @documented(events.remove, responses={204: None} | FORBIDDEN)
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        perform(events.remove, self.actor, with_path({}, conversationId=conversation_id))
        return Response(status=204)


class PreferencesView(Route):
    @documented(events.set_preferences, request=shapes.PreferencesBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.set_preferences, request.data, conversationId=conversation_id)
