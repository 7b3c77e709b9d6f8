"""The routes of messaging. Each runs the declaration that sockets run too; the two hot ones are plain async views."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import signed_in
from core.actor import Actor
from core.doors import Receives
from core.errors import FieldError, Invalid, MethodNotAllowed, UnknownField
from core.rest import JsonResponse, query_int, refuse_unknown_params
from core.rest.json import read_body
from core.rest.views import ApiView, described
from core.shapes import camel, validate
from messaging import events, querysets
from messaging import serializers as shapes

_FORBIDDEN = {403: OpenApiResponse(description="You can see it, but may not do that.")}
_MISSING = {404: OpenApiResponse(description="There is no such person, as far as you may know.")}
_GONE = {410: OpenApiResponse(description="The message has been deleted, or its key destroyed.")}
_TOO_LARGE = {413: OpenApiResponse(description="The text is longer than a message may be.")}
_CONFLICT = {409: OpenApiResponse(description="`idempotency_conflict`: this clientMessageId was another message's.")}
_HIGHEST = 2**63 - 1


Method = TypeVar("Method", bound=Callable[..., Any])


def documented(declaration: Receives, **more: Any) -> Callable[[Method], Method]:
    """The documentation of a method that runs this declaration, under the name of its service."""
    told = {
        "operation_id": camel(declaration.service.__name__),
        "summary": declaration.summary,
        "responses": declaration.reply,
    }
    return extend_schema(**{**told, **more})


def _number(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, int, description=description)


_LIMIT = _number("limit", "At most this many, 1 to 200; 50 by default.")
_PAGE = [_number("before", "Messages before this seq."), _number("after", "Messages after this seq."), _LIMIT]
_GAP = [_number("after", "Events after this seq; 0 by default."), _LIMIT]
_LIST = [
    OpenApiParameter("kind", str, description="Only conversations of this kind."),
    OpenApiParameter("archived", bool, description="Only archived ones, or only others."),
    OpenApiParameter("cursor", str, description="`nextCursor` of the page before."),
    _LIMIT,
]


def perform(declaration: Receives, actor: Actor, data: object) -> Any:
    """Run the declaration and make its answer, in this thread."""
    return declaration.answer(declaration.run(actor, data), actor)


def with_path(body: object, **path: UUID) -> object:
    """A body together with the ids of the address, which it must not name again."""
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    for name in path:
        if name in body:
            raise UnknownField(f"{name} stands in the address.")
    return {**body, **{name: str(value) for name, value in path.items()}}


# --- Messages of a conversation: hot, so plain async views ------------------------------------------------------------


class _MessagesDescription(ApiView):
    @documented(events.history, parameters=_PAGE)
    def get(self, request: Request, conversation_id: UUID) -> None:
        """Documentation only."""

    @documented(
        events.send,
        request=shapes.MessageBody,
        responses={201: shapes.SentOut, 200: shapes.SentOut, **_FORBIDDEN, **_CONFLICT, **_TOO_LARGE},
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


# --- Conversations ----------------------------------------------------------------------------------------------------


class ConversationsView(ApiView):
    params = {"GET": frozenset({"kind", "archived", "cursor", "limit"})}

    @documented(events.list_mine, parameters=_LIST)
    def get(self, request: Request) -> Response:
        query = {name: value for name, value in request.query_params.items() if name in {"kind", "cursor"}}
        limit, archived = query_int(request._request, "limit", 50, 1, shapes.MOST_PER_PAGE), _archived(request)
        asked = {**query, "limit": limit} | ({} if archived is None else {"archived": archived})
        return Response(perform(events.list_mine, self.actor, asked))

    @documented(
        events.create,
        request=shapes.ConversationIn,
        responses={201: shapes.ConversationOut, 200: shapes.ConversationOut, **_FORBIDDEN, **_MISSING},
    )
    def post(self, request: Request) -> Response:
        opened = events.create.run(self.actor, request.data)
        _, created = opened
        return Response(events.create.answer(opened, self.actor), status=201 if created else 200)


class UnreadCountView(ApiView):
    @documented(events.unread)
    def get(self, request: Request) -> Response:
        return Response(perform(events.unread, self.actor, {}))


class ConversationView(ApiView):
    @documented(events.get)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return Response(perform(events.get, self.actor, with_path({}, conversationId=conversation_id)))

    @documented(
        events.update, request=shapes.ConversationPatchBody, responses={200: shapes.ConversationOut} | _FORBIDDEN
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        return Response(perform(events.update, self.actor, with_path(request.data, conversationId=conversation_id)))

    @documented(events.remove, responses={204: None} | _FORBIDDEN)
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        perform(events.remove, self.actor, with_path({}, conversationId=conversation_id))
        return Response(status=204)


class PreferencesView(ApiView):
    @documented(events.set_preferences, request=shapes.PreferencesBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        asked = with_path(request.data, conversationId=conversation_id)
        return Response(perform(events.set_preferences, self.actor, asked))


class MembersView(ApiView):
    @documented(events.members)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return Response(perform(events.members, self.actor, with_path({}, conversationId=conversation_id)))


class ReceiptsView(ApiView):
    @documented(events.receipts)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        return Response(perform(events.receipts, self.actor, with_path({}, conversationId=conversation_id)))


class ReadView(ApiView):
    @documented(events.mark_read, request=shapes.WatermarkBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        return Response(perform(events.mark_read, self.actor, with_path(request.data, conversationId=conversation_id)))


class DeliveredView(ApiView):
    @documented(events.mark_delivered, request=shapes.WatermarkBody)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        asked = with_path(request.data, conversationId=conversation_id)
        return Response(perform(events.mark_delivered, self.actor, asked))


# --- One message ------------------------------------------------------------------------------------------------------


class MessageView(ApiView):
    @documented(events.read_one)
    def get(self, request: Request, message_id: UUID) -> Response:
        return Response(perform(events.read_one, self.actor, with_path({}, messageId=message_id)))

    @documented(
        events.edit,
        request=shapes.EditBody,
        responses={200: shapes.MessageOut} | _FORBIDDEN | _GONE | _TOO_LARGE,
    )
    def patch(self, request: Request, message_id: UUID) -> Response:
        return Response(perform(events.edit, self.actor, with_path(request.data, messageId=message_id)))

    @documented(events.delete, responses={200: shapes.MessageOut} | _FORBIDDEN)
    def delete(self, request: Request, message_id: UUID) -> Response:
        return Response(perform(events.delete, self.actor, with_path({}, messageId=message_id)))


class MessageReadView(ApiView):
    @documented(events.mark_read, request=None, operation_id="markMessageRead", summary="Read up to here.")
    def patch(self, request: Request, message_id: UUID) -> Response:
        validate(shapes.NothingIn, request.data)
        row = querysets.visible_message(self.actor.id, message_id)
        asked = {"conversationId": str(row.conversation_id), "seq": row.seq}
        return Response(perform(events.mark_read, self.actor, asked))


def _archived(request: Request) -> bool | None:
    text = request.query_params.get("archived")
    if text is None:
        return None
    if text not in {"true", "false"}:
        raise Invalid(
            "Some query parameters are not valid.", errors=[FieldError("archived", "invalid", "true or false")]
        )
    return text == "true"
