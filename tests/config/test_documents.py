"""The documents of the wire are complete, valid, and agree with what the code declares."""

from typing import Any

import httpx
import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from core import doors
from tests.live import Server


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    found = []
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        found += routes(pattern, path) if isinstance(pattern, URLResolver) else [path]
        assert isinstance(pattern, URLResolver | URLPattern)
    return found


def test_openapi_is_valid(openapi: dict[str, Any]) -> None:
    validate_schema(openapi)
    assert openapi["openapi"].startswith("3.1")


def test_every_route_of_the_api_is_documented(openapi: dict[str, Any]) -> None:
    documented = {path.count("/") and path for path in openapi["paths"]}
    for route in routes(get_resolver()):
        if route.startswith("api/v1/"):
            plain = "/" + route.replace("<uuid:", "{").replace("<", "{").replace(">", "}")
            assert plain in documented, f"{plain} is in no document"


def test_every_operation_names_its_errors(openapi: dict[str, Any]) -> None:
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            assert {"400", "429", "503"} <= operation["responses"].keys(), (method, path)
            assert operation.get("summary") or operation.get("description"), (method, path)


def test_names_on_the_wire_are_camel_case(openapi: dict[str, Any]) -> None:
    def properties(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = list(node.get("properties", {})) if isinstance(node.get("properties"), dict) else []
            return own + [name for value in node.values() for name in properties(value)]
        return [name for value in node for name in properties(value)] if isinstance(node, list) else []

    assert [name for name in properties(openapi["components"]["schemas"]) if "_" in name] == []


def test_both_documents_are_served_to_anybody(server: Server) -> None:
    assert httpx.get(server.url + "/api/schema").json()["info"]["title"] == "Parley"
    assert httpx.get(server.url + "/api/docs").status_code == 200
    asyncapi = httpx.get(server.url + "/api/asyncapi").json()
    assert asyncapi["asyncapi"].startswith("3.")


def test_asyncapi_holds_every_declaration(server: Server) -> None:
    messages = httpx.get(server.url + "/api/asyncapi").json()["components"]["messages"]
    asked = {message["name"] for name, message in messages.items() if name.startswith("request.")}
    told = {message["name"] for name, message in messages.items() if name.startswith("event.")}
    assert asked == {declared.name for declared in doors.receives.values() if declared.socket}
    assert told == set(doors.sends)


def test_every_reference_in_asyncapi_leads_somewhere(server: Server) -> None:
    document = httpx.get(server.url + "/api/asyncapi").json()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [ref for value in node.values() for ref in references(value)]
        return [ref for value in node for ref in references(value)] if isinstance(node, list) else []

    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
