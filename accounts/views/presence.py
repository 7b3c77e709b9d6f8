"""GET /presence, /presence/online-count, /presence/{userId}; PUT /me/presence."""

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import serializers as shapes
from accounts.events import presence as events
from core.rest.declared import Route, documented

_PEOPLE = OpenApiParameter(
    "userIds", str, required=True, description=f"Ids of 1 to {shapes.MOST_AT_ONCE} people, with commas between."
)


class MyPresenceView(Route):
    @documented(events.update_presence, request=shapes.PresenceIn, responses=OpenApiTypes.OBJECT)
    def put(self, request: Request) -> Response:
        return self.ask(events.update_presence, request.data)


class PresencesView(Route):
    params = {"GET": frozenset({"userIds"})}

    @documented(events.list_presence, parameters=[_PEOPLE])
    def get(self, request: Request) -> Response:
        named = request.query_params.get("userIds")
        return self.ask(events.list_presence, {} if named is None else {"userIds": named.split(",")})


class OnlineCountView(Route):
    @documented(events.count_online)
    def get(self, request: Request) -> Response:
        return self.ask(events.count_online)


class PresenceView(Route):
    @documented(events.read_presence)
    def get(self, request: Request, user_id: UUID) -> Response:
        return self.ask(events.read_presence, userId=user_id)
