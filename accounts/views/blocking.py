"""PUT and DELETE /users/{id}/block."""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.events import blocking as events
from core.rest.declared import Route, documented, perform, with_path

_BLOCKED = {204: OpenApiResponse(description="They are blocked. They are told nothing; a repeat is fine.")}
_UNBLOCKED = {204: OpenApiResponse(description="You do not block them. A repeat is fine.")}


class BlockView(Route):
    @documented(
        events.block,
        request=None,
        responses=_BLOCKED,
    )
    def put(self, request: Request, user_id: UUID) -> Response:
        perform(events.block, self.actor, with_path(request.data, userId=user_id))
        return Response(status=204)

    @documented(events.unblock, responses=_UNBLOCKED)
    def delete(self, request: Request, user_id: UUID) -> Response:
        perform(events.unblock, self.actor, with_path({}, userId=user_id))
        return Response(status=204)
