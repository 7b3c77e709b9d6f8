"""The AsyncAPI 3 document of `/ws/chat`, generated from the same declarations that the sockets run.

Three kinds of messages: what a client asks with its reply, what it is told, and control frames (config.control_frames).
"""

import asyncio
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from rest_framework.request import Request
from rest_framework.views import APIView

from config.control_frames import CONTROL_FRAMES, ID, MOMENT, frame
from core.doors import Receives, Sends, receives, sends
from core.rest import JsonResponse
from core.shapes import Shape
from realtime.protocol import LONGEST_ID, CloseCode

Document = dict[str, Any]

_DESCRIPTION = """\
JSON text frames, UTF-8, at most 64 KiB. Control frames have `type`, application frames have `event`. The client's first
frame is `auth`; a native client may send `Authorization: Bearer` in the handshake instead. Durable events carry a dense
`seq` per conversation and are replayed on `resume`; ephemeral ones are best effort. Reply and event may come in either
order. Every durable event of all one's conversations comes without asking; `typing` only to who looks
(`conversation:join`), presence only to who subscribed. The head of a conversation is the seq of its newest event, the
epoch the name of the history that all seqs belong to."""

_CHANNEL = "#/channels/chat"


@require_safe
async def document(request: HttpRequest) -> HttpResponse:
    return JsonResponse(await asyncio.to_thread(build))


@cache
def build() -> Document:
    """The whole document. Declarations do not change while a process runs."""
    shapes = _Shapes()
    asked = [declared for declared in receives.values() if declared.socket]
    told = {f"event.{_key(declared.name)}": _event(declared, shapes) for declared in sends.values()}
    control = {f"control.{one.type}": one.message() for one in CONTROL_FRAMES}
    messages = {**_conversing(asked, shapes), "reply.error": _error_reply(), **told, **control}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parley", "version": "1", "description": f"{_DESCRIPTION}\n\n{_close_codes()}"},
        "defaultContentType": "application/json",
        "channels": {
            "chat": {
                "address": "/ws/chat",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET"}},
            }
        },
        "operations": {
            **{f"ask.{_key(declared.name)}": _ask(declared) for declared in asked},
            "tell": {"action": "send", **_through([*told, *_control_names("server")])},
            "control": {"action": "receive", **_through(_control_names("client"))},
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

    def ref(self, shape: type[Shape], direction: str) -> Document:
        component = self._schema.resolve_serializer(shape(), direction)  # type: ignore[arg-type]  # a literal of theirs
        return dict(component.ref) if component.name else {"type": "object"}

    def components(self) -> Document:
        built: Document = self._schema.registry.build({})
        return dict(_without_marks(built["schemas"]))


def _without_marks(node: Any) -> Any:
    """drf-spectacular marks enumerations for a step that only OpenAPI takes."""
    if isinstance(node, list):
        return [_without_marks(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: _without_marks(value) for name, value in node.items() if name != "x-spec-enum-id"}


def _key(event: str) -> str:
    return event.replace(":", "-")


def _through(names: list[str]) -> Document:
    return {"channel": {"$ref": _CHANNEL}, "messages": [{"$ref": f"{_CHANNEL}/messages/{name}"} for name in names]}


def _control_names(sender: str) -> list[str]:
    return [f"control.{one.type}" for one in CONTROL_FRAMES if sender in one.senders]


# --- What a client asks -----------------------------------------------------------------------------------------------


def _ask(declared: Receives) -> Document:
    key = _key(declared.name)
    return {
        "action": "receive",
        "summary": declared.summary,
        **_described(declared),
        **_through([f"request.{key}"]),
        "reply": _through([f"reply.{key}", "reply.error"]),
        "x-limit": declared.limit,
    }


def _conversing(asked: list[Receives], shapes: _Shapes) -> Document:
    messages: Document = {}
    for declared in asked:
        messages[f"request.{_key(declared.name)}"] = _request(declared, shapes)
        messages[f"reply.{_key(declared.name)}"] = _reply(declared, shapes)
    return messages


def _request(declared: Receives, shapes: _Shapes) -> Document:
    properties = {
        "id": {"type": "string", "maxLength": LONGEST_ID, "description": "Without one there is no reply."},
        "event": {"const": declared.name},
        "data": shapes.ref(declared.schema, "request"),
    }
    payload = {**frame(["event", "data"], properties), "additionalProperties": False}
    examples = [
        {"name": title, "payload": {"id": "1", "event": declared.name, "data": data}}
        for title, data in declared.examples.items()
    ]
    message = {"name": declared.name, "summary": declared.summary, **_described(declared), "payload": payload}
    return message | ({"examples": examples} if examples else {})


def _described(declared: Receives) -> Document:
    return {"description": declared.description} if declared.description else {}


def _reply(declared: Receives, shapes: _Shapes) -> Document:
    data = {"type": "object"} if declared.reply is None else shapes.ref(declared.reply, "response")
    properties = {"replyTo": {"type": "string"}, "data": data}
    return {"name": f"reply to {declared.name}", "payload": frame(["replyTo", "data"], properties)}


def _error_reply() -> Document:
    text = {"type": "string"}
    field = frame(["field", "code", "message"], {"field": text, "code": text, "message": text})
    error = {
        "code": {**text, "description": "Stable: what clients switch on. The codes are those of REST."},
        "detail": text,
        "errors": {"type": "array", "items": field},
        "retryAfterMs": {"type": "integer", "description": "When a repeat can succeed."},
    }
    properties = {"replyTo": {"type": ["string", "null"]}, "error": frame(["code", "detail"], error)}
    return {"name": "error", "summary": "A request was refused.", "payload": frame(["replyTo", "error"], properties)}


# --- What a client is told --------------------------------------------------------------------------------------------


def _event(declared: Sends, shapes: _Shapes) -> Document:
    properties: Document = {"event": {"const": declared.name}, "data": shapes.ref(declared.schema, "response")}
    if declared.durable:
        properties |= {
            "conversationId": ID,
            "seq": {"type": "integer", "minimum": 1},
            "at": MOMENT,
            "actorId": ID,
        }
    return {
        "name": declared.name,
        "summary": declared.summary,
        "payload": frame(list(properties), properties),
        "x-durable": declared.durable,
        "x-audience": declared.audience,
    }


def _close_codes() -> str:
    named = (f"- {code.value} {code.name.lower().replace('_', ' ')}: {code.sentence}" for code in CloseCode)
    return "Close codes:\n" + "\n".join(named)
