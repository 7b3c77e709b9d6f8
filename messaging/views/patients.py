"""The route of consultation histories."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from core.rest import query_int
from messaging import serializers as shapes
from messaging.events import patients as events
from messaging.views.base import LIMIT, Route, documented

_CURSOR = OpenApiParameter("cursor", str, description="`nextCursor` of the page before.")


class ConsultationsView(Route):
    params = {"GET": frozenset({"cursor", "limit"})}

    @documented(events.consultations, parameters=[_CURSOR, LIMIT])
    def get(self, request: Request, record_id: UUID) -> Response:
        cursor = request.query_params.get("cursor")
        asked = {"limit": query_int(request._request, "limit", 50, 1, shapes.MOST_PER_PAGE)}
        return self.ask(
            events.consultations, asked | ({} if cursor is None else {"cursor": cursor}), recordId=record_id
        )
