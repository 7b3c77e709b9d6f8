"""The OpenAPI document: generated from the views and shapes, with the errors every operation shares."""

import asyncio
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer

from core.rest.views import ApiView
from core.shapes import Shape

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable and is what clients switch on.",
    "required": ["type", "title", "status", "detail", "code", "requestId"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "requestId": {"type": "string", "format": "uuid"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
        "retryAfterMs": {"type": "integer"},
    },
}
_ALWAYS = {
    "400": "The request is not valid.",
    "429": "Too many requests; `Retry-After` says when to try again.",
    "503": "A part this needs does not answer; `Retry-After` says when to try again.",
}
_SIGNED_IN = {"401": "Sign in, or refresh the token."}
_BY_ID = {"404": "What does not exist and what the caller may not see answer alike."}


@require_safe
async def document(request: HttpRequest) -> HttpResponse:
    """JSON; YAML for who asks with `Accept: application/yaml` or `?format=yaml`."""
    yaml = request.GET.get("format") == "yaml" or "yaml" in request.headers.get("Accept", "")
    body = await asyncio.to_thread(_rendered, OpenApiYamlRenderer if yaml else OpenApiJsonRenderer)
    return HttpResponse(body, content_type="application/yaml" if yaml else "application/json")


@cache
def _rendered(renderer: type[OpenApiJsonRenderer | OpenApiYamlRenderer]) -> bytes:
    """Once per process: it takes a second of work, and anybody may ask."""
    return bytes(renderer().render(build(), renderer_context={}))


@cache
def build() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(request=None, public=True))


class Schema(AutoSchema):
    """Names operations after their route, so that generated clients read well."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_description(self) -> str:  # type: ignore[override]  # drf-spectacular asks it without arguments
        """None but what a view or declaration says for clients: docstrings speak to programmers."""
        return ""


def without_description() -> list[type]:
    """Base classes whose docstrings speak to programmers: a shape without its own has no description."""
    return [*get_lib_doc_excludes(), Shape, ApiView]


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the problem component, and to each operation the errors it can always answer with. To be the last hook: the
    one for enums builds the components anew."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    for path, operations in result["paths"].items():
        for operation in operations.values():
            if isinstance(operation, dict):
                _add_problems(path, operation)
    return result


def _add_problems(path: str, operation: dict[str, Any]) -> None:
    possible = dict(_ALWAYS)
    if operation.get("security", [{}]) != [{}]:
        possible |= _SIGNED_IN
    if "{" in path:
        possible |= _BY_ID
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = operation.setdefault("responses", {})
    for status, description in possible.items():
        responses.setdefault(status, {"description": description})
    for status, response in responses.items():
        if status >= "400":
            response.setdefault("content", content)
