"""The OpenAPI document: generated from the views and shapes, with the errors every operation shares."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

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


class Schema(AutoSchema):
    """Names operations after their route, so that generated clients read well."""

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]


def document_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the problem component, the bearer scheme, and to each operation the errors it can always answer with."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    components.setdefault("securitySchemes", {})["bearer"] = scheme
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
