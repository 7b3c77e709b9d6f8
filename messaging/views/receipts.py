"""The routes of watermarks and of what is unread."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from messaging import serializers as shapes
from messaging.events import receipts as events
from messaging.views.base import Route, documented, perform


class UnreadCountView(Route):
    @documented(events.unread)
    def get(self, request: Request) -> Response:
        return Response(perform(events.unread, self.actor, {}))


class ReceiptsView(Route):
    @documented(events.receipts)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.receipts, conversationId=conversation_id)


class ReadView(Route):
    @documented(events.mark_read, request=shapes.WatermarkBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.mark_read, request.data, conversationId=conversation_id)


class DeliveredView(Route):
    @documented(events.mark_delivered, request=shapes.WatermarkBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        return self.ask(events.mark_delivered, request.data, conversationId=conversation_id)


class MessageReadView(Route):
    @documented(events.mark_message_read, request=None)
    def patch(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.mark_message_read, request.data, messageId=message_id)


class MessageReceiptsView(Route):
    @documented(events.message_receipts)
    def get(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.message_receipts, messageId=message_id)
