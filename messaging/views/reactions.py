"""The route of one's reactions to a message."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.events import reactions as events
from messaging.views.base import FORBIDDEN, GONE, Route, documented

_NOTHING = {200: OpenApiResponse(OpenApiTypes.OBJECT, "Nothing more to say.")}


class ReactionView(Route):
    @documented(events.add, request=None, responses=_NOTHING | FORBIDDEN | GONE)
    def put(self, request: Request, message_id: UUID, emoji: str) -> Response:
        return self.ask(events.add, request.data, messageId=message_id, emoji=emoji)

    @documented(events.remove, responses=_NOTHING | GONE)
    def delete(self, request: Request, message_id: UUID, emoji: str) -> Response:
        return self.ask(events.remove, messageId=message_id, emoji=emoji)
