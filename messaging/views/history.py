"""Messages and events of a conversation: the hot routes, so plain async views that run the declarations."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from accounts.authentication import signed_in
from core.actor import Actor
from core.doors import Receives
from core.errors import MethodNotAllowed
from core.rest import JsonResponse, query_int, refuse_unknown_params
from core.rest.json import read_body
from core.rest.views import ApiView, described
from messaging import serializers as shapes
from messaging.events import messages as events
from messaging.views.base import (
    CONFLICT,
    FORBIDDEN,
    LIMIT,
    TOO_LARGE,
    created,
    documented,
    number,
    with_path,
)

_HIGHEST = 2**63 - 1
_PAGE = [number("before", "Messages before this seq."), number("after", "Messages after this seq."), LIMIT]
_GAP = [number("after", "Events after this seq; 0 by default."), LIMIT]


class _MessagesDescription(ApiView):
    @documented(events.history, parameters=_PAGE)
    def get(self, request: Request, conversation_id: UUID) -> None:
        """Documentation only."""

    @documented(
        events.send,
        request=shapes.MessageBody,
        responses={
            **created(shapes.SentOut, "It was stored now.", "This `clientMessageId` had been stored before."),
            **FORBIDDEN,
            **CONFLICT,
            **TOO_LARGE,
        },
    )
    def post(self, request: Request, conversation_id: UUID) -> None:
        """Documentation only."""


class _EventsDescription(ApiView):
    @documented(events.fill_gap, parameters=_GAP)
    def get(self, request: Request, conversation_id: UUID) -> None:
        """Documentation only."""


@signed_in
async def _messages(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    if request.method == "POST":
        return await _send(request, conversation_id)
    if request.method != "GET":
        raise MethodNotAllowed()
    numbers = _numbers(request, before=1, after=0, limit=1)
    return JsonResponse(await _awaited(events.history, request, {"conversationId": str(conversation_id), **numbers}))


async def _send(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    refuse_unknown_params(request, ())
    message = await _awaited(events.send, request, with_path(read_body(request), conversationId=conversation_id))
    return JsonResponse(message, status=200 if "duplicate" in message else 201)


@signed_in
async def _events(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    if request.method != "GET":
        raise MethodNotAllowed()
    numbers = _numbers(request, after=0, limit=1)
    return JsonResponse(await _awaited(events.fill_gap, request, {"conversationId": str(conversation_id), **numbers}))


messages = described(_messages, _MessagesDescription)
conversation_events = described(_events, _EventsDescription)


async def _awaited(declaration: Receives, request: HttpRequest, data: object) -> Any:
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by signed_in
    clean = declaration.admit(actor, data)
    return declaration.answer(await declaration.perform_awaiting(actor, clean), actor)


def _numbers(request: HttpRequest, **lowest: int) -> dict[str, int]:
    """The numbers among the query parameters; raises UnknownParam for any other."""
    refuse_unknown_params(request, lowest)
    given = {name: query_int(request, name, None, least, _HIGHEST) for name, least in lowest.items()}
    return {name: value for name, value in given.items() if value is not None}
