"""The documents of the wire are complete, valid, and agree with what the code declares."""

import re
from typing import Any

import httpx
import pytest
import yaml
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema

from config.openapi import build
from core import doors
from core.shapes import validate
from tests.live import Server

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return build()


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
            plain = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
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


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", "application/json"),
        ("?format=yaml", "*/*", "application/yaml"),
        ("", "application/yaml", "application/yaml"),
    ],
)
def test_openapi_comes_as_json_or_yaml(server: Server, query: str, accept: str, media_type: str) -> None:
    answer = httpx.get(server.url + "/api/schema" + query, headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type
    assert yaml.safe_load(answer.text)["openapi"].startswith("3.1")  # JSON is YAML


def test_asyncapi_holds_every_declaration(server: Server) -> None:
    messages = httpx.get(server.url + "/api/asyncapi").json()["components"]["messages"]
    asked = {message["name"] for name, message in messages.items() if name.startswith("request.")}
    told = {message["name"] for name, message in messages.items() if name.startswith("event.")}
    assert asked == {declared.name for declared in doors.receives.values() if declared.socket}
    assert told == set(doors.sends)


@pytest.mark.parametrize("path", ["/api/schema", "/api/asyncapi"])
def test_every_reference_leads_somewhere(server: Server, path: str) -> None:
    document = httpx.get(server.url + path).json()
    found = references(document)
    assert len(found) > 20
    for reference in found:
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def test_no_two_operations_have_the_same_description(openapi: dict[str, Any]) -> None:
    """A description that many share is a docstring that slipped in."""
    told = [operation["description"] for _, _, operation in operations(openapi) if "description" in operation]
    assert len(told) > 10
    assert [text for text in told if told.count(text) > 1] == []


def test_every_json_body_has_an_example(openapi: dict[str, Any]) -> None:
    without = [
        (method, path)
        for path, method, operation in operations(openapi)
        for body in [operation.get("requestBody", {}).get("content", {}).get("application/json")]
        if body is not None and not body.get("examples")
    ]
    assert without == []


def operations(openapi: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation."""
    return [(path, method, one) for path, methods in openapi["paths"].items() for method, one in methods.items()]


@pytest.mark.parametrize("declared", [one for one in doors.receives.values() if one.examples], ids=lambda one: one.name)
def test_an_example_is_what_the_server_takes(declared: doors.Receives) -> None:
    for example in declared.examples.values():
        assert validate(declared.schema, example)


def test_no_words_for_programmers_are_in_the_documents(server: Server) -> None:
    for path in ("/api/schema", "/api/asyncapi"):
        text = httpx.get(server.url + path).text
        assert "serializer" not in text
        assert "x-spec-enum-id" not in text
        assert "Documentation only" not in text
