"""The routes of pinned messages."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from messaging import serializers as shapes
from messaging.events import pins as events
from messaging.views.base import FORBIDDEN, GONE, TOO_MANY_PINS, Route, documented


class PinView(Route):
    @documented(events.pin, request=None, responses={200: shapes.MessageOut} | FORBIDDEN | TOO_MANY_PINS | GONE)
    def put(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.pin, request.data, messageId=message_id)

    @documented(events.unpin, responses={200: shapes.MessageOut} | FORBIDDEN | GONE)
    def delete(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.unpin, messageId=message_id)


class PinsView(Route):
    @documented(events.pins)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.pins, conversationId=conversation_id)
