"""The routes of one message."""

from uuid import UUID

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from core.rest import query_int
from messaging import serializers as shapes
from messaging.events import messages as events
from messaging.views.base import (
    CONFLICT,
    DAMAGED,
    FILE_TOO_LARGE,
    FORBIDDEN,
    GONE,
    LIMIT,
    MISSING,
    TOO_LARGE,
    Route,
    created,
    documented,
    number,
    with_path,
)

_HIGHEST = 2**63 - 1
_CURSOR = OpenApiParameter("cursor", str, description="`nextCursor` of the page before.")


class MessageView(Route):
    @documented(events.read_one)
    def get(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.read_one, messageId=message_id)

    @documented(
        events.edit,
        request=shapes.EditBody,
        responses={200: shapes.MessageOut} | FORBIDDEN | GONE | TOO_LARGE,
    )
    def patch(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.edit, request.data, messageId=message_id)

    @documented(events.delete, responses={200: shapes.MessageOut} | FORBIDDEN)
    def delete(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.delete, messageId=message_id)


class ThreadView(Route):
    params = {"GET": frozenset({"before", "after", "limit"})}

    @documented(
        events.thread,
        parameters=[number("before", "Replies before this seq."), number("after", "Replies after this seq."), LIMIT],
    )
    def get(self, request: Request, message_id: UUID) -> Response:
        return self.ask(events.thread, _numbers(request._request, before=1, after=0, limit=1), messageId=message_id)


class EditsView(Route):
    params = {"GET": frozenset({"cursor", "limit"})}

    @documented(events.edits, parameters=[_CURSOR, LIMIT], responses={200: shapes.EditsOut} | GONE)
    def get(self, request: Request, message_id: UUID) -> Response:
        cursor = request.query_params.get("cursor")
        asked = _numbers(request._request, limit=1) | ({} if cursor is None else {"cursor": cursor})
        return self.ask(events.edits, asked, messageId=message_id)


class ForwardView(Route):
    @documented(
        events.forward,
        request=shapes.ForwardBody,
        responses={
            **created(shapes.SentOut, "It was sent now.", "This `clientMessageId` had been sent before."),
            **FORBIDDEN,
            **MISSING,
            **CONFLICT,
            **GONE,
            **FILE_TOO_LARGE,
            **DAMAGED,
        },
    )
    def post(self, request: Request, message_id: UUID) -> Response:
        response = self.ask(events.forward, request.data, messageId=message_id)
        response.status_code = 200 if "duplicate" in response.data else 201
        return response


class ReportView(Route):
    @documented(
        events.report,
        request=shapes.ReportBody,
        responses={
            **created(shapes.ReportOut, "It was reported now.", "You had reported it before; nothing has changed."),
            **FORBIDDEN,
            **GONE,
            **TOO_LARGE,
        },
    )
    def post(self, request: Request, message_id: UUID) -> Response:
        reported = events.report.run(self.actor, with_path(request.data, messageId=message_id))
        _, created = reported
        return Response(events.report.answer(reported, self.actor), status=201 if created else 200)


def _numbers(request: HttpRequest, **lowest: int) -> dict[str, object]:
    """The numbers among the query parameters."""
    given = {name: query_int(request, name, None, least, _HIGHEST) for name, least in lowest.items()}
    return {name: value for name, value in given.items() if value is not None}
