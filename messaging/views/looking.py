"""The route of typing. Looking at a conversation is what a connection does, so it has no route."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from messaging import serializers as shapes
from messaging.events import looking as events
from messaging.views.base import FORBIDDEN, Route, documented


class TypingView(Route):
    @documented(events.show_typing, request=shapes.TypingBody, responses={200: OpenApiTypes.OBJECT} | FORBIDDEN)
    def post(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.show_typing, request.data, conversationId=conversation_id)
