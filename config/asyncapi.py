"""The AsyncAPI 3.0 document of `/ws/chat`, generated from the same declarations that the sockets run."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from rest_framework.request import Request
from rest_framework.views import APIView

from core.doors import Receives, Sends, receives, sends
from core.rest import JsonResponse
from core.shapes import Shape
from realtime.protocol import CloseCode

_DESCRIPTION = """\
JSON text frames. Control frames have `type`, application frames have `event`. The client's first frame is `auth`.
Durable events carry a dense `seq` per conversation and are replayed on `resume`; ephemeral ones are best effort."""


@require_safe
async def document(request: HttpRequest) -> HttpResponse:
    return JsonResponse(build())


@cache
def build() -> dict[str, Any]:
    """The whole document. Declarations do not change while a process runs."""
    shapes = _Shapes()
    asked = {f"request.{_key(d.name)}": _request(d, shapes) for d in receives.values() if d.socket}
    told = {f"event.{_key(d.name)}": _event(d, shapes) for d in sends.values()}
    messages = asked | told | _control_frames()
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parley", "version": "1", "description": _DESCRIPTION + "\n\n" + _close_codes()},
        "defaultContentType": "application/json",
        "channels": {
            "chat": {
                "address": "/ws/chat",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            "ask": _operation("receive", [*asked, "control.auth", "control.resume", "control.pong"]),
            "tell": _operation("send", [*told, *(n for n in _control_frames() if n not in _FROM_CLIENTS)]),
        },
        "components": {"messages": messages, "schemas": shapes.components()},
    }


class _Shapes:
    """Shapes as JSON Schema components, mapped exactly as the OpenAPI document maps them."""

    def __init__(self) -> None:
        self._schema = AutoSchema()
        self._schema.registry = ComponentRegistry()
        self._schema.view = APIView()
        self._schema.view.request = Request(HttpRequest())
        self._schema.method, self._schema.path = "POST", "/ws/chat"

    def ref(self, shape: type[Shape], direction: str) -> dict[str, Any]:
        component = self._schema.resolve_serializer(shape(), direction)  # type: ignore[arg-type]  # a literal of theirs
        return dict(component.ref) if component.name else {"type": "object"}

    def components(self) -> dict[str, Any]:
        built: dict[str, Any] = self._schema.registry.build({})
        return dict(built["schemas"])


def _key(event: str) -> str:
    return event.replace(":", "-")


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    channel = "#/channels/chat"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
    }


def _frame(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


def _request(declared: Receives, shapes: _Shapes) -> dict[str, Any]:
    properties = {
        "id": {"type": "string", "maxLength": 64, "description": "Without one there is no reply."},
        "event": {"const": declared.name},
        "data": shapes.ref(declared.schema, "request"),
    }
    message = {"name": declared.name, "summary": declared.summary, "payload": _frame(["event", "data"], properties)}
    reply = {"type": "object"} if declared.reply is None else shapes.ref(declared.reply, "response")
    return {**message, "x-reply": reply, "x-limit": declared.limit}


def _event(declared: Sends, shapes: _Shapes) -> dict[str, Any]:
    properties: dict[str, Any] = {"event": {"const": declared.name}, "data": shapes.ref(declared.schema, "response")}
    if declared.durable:
        properties |= {
            "conversationId": {"type": "string", "format": "uuid"},
            "seq": {"type": "integer", "minimum": 1},
            "at": {"type": "string", "format": "date-time"},
            "actorId": {"type": "string", "format": "uuid"},
        }
    return {
        "name": declared.name,
        "summary": declared.summary,
        "payload": _frame(list(properties), properties),
        "x-durable": declared.durable,
        "x-audience": declared.audience,
    }


_FROM_CLIENTS = ("control.auth", "control.resume", "control.pong")
_CURSORS = {"type": "object", "additionalProperties": {"type": "integer"}}
_TEXT = {"type": "string"}
_CONTROL: dict[str, tuple[list[str], dict[str, Any]]] = {
    "auth": (["token"], {"token": _TEXT, "resume": {"type": "object"}}),
    "resume": (["epoch", "cursors"], {"epoch": _TEXT, "cursors": _CURSORS}),
    "pong": ([], {}),
    "ping": ([], {"heads": _CURSORS}),
    "auth_success": (
        ["user_id", "sessionId", "epoch", "heartbeatMs", "serverTime"],
        {
            "user_id": _TEXT,
            "sessionId": _TEXT,
            "epoch": _TEXT,
            "heartbeatMs": {"type": "integer"},
            "serverTime": {"type": "string", "format": "date-time"},
        },
    ),
    "auth_expiring": (["expiresAt"], {"expiresAt": {"type": "string", "format": "date-time"}}),
    "resumed": (["heads"], {"heads": _CURSORS}),
    "resync": (["conversationId", "reason"], {"conversationId": _TEXT, "reason": _TEXT}),
    "drain": (["reconnectInMs"], {"reconnectInMs": {"type": "integer"}}),
}


def _control_frames() -> dict[str, Any]:
    return {
        f"control.{name}": {
            "name": name,
            "payload": _frame(["type", *required], {"type": {"const": name}, **properties}),
        }
        for name, (required, properties) in _CONTROL.items()
    }


def _close_codes() -> str:
    named = (f"{code.value} {code.name.lower().replace('_', ' ')}" for code in CloseCode)
    return f"Close codes: {', '.join(named)}."
