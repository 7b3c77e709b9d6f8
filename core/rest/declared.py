"""Routes that run declarations (`core.doors`): how a view asks one, and how it is documented by it."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.response import Response

from core.actor import Actor
from core.doors import Receives
from core.errors import Invalid, UnknownField
from core.rest.views import ApiView
from core.shapes import Shape, camel

Method = TypeVar("Method", bound=Callable[..., Any])


def documented(declaration: Receives, **more: Any) -> Callable[[Method], Method]:
    """The documentation of a method that runs this declaration, under the name of its service, in its own words."""
    told = {
        "operation_id": camel(declaration.service.__name__),
        "summary": declaration.summary,
        "description": declaration.description,
        "responses": declaration.reply,
        "examples": _examples(declaration, more.get("request")),
    }
    return extend_schema(**{**told, **more})


def _examples(declaration: Receives, body: type[Shape] | None) -> list[OpenApiExample]:
    """The declaration's, without what stands in the address."""
    fields = set() if body is None else body().get_fields().keys()
    return [
        OpenApiExample(title, {name: value for name, value in data.items() if name in fields}, request_only=True)
        for title, data in declaration.examples.items()
        if fields
    ]


def perform(declaration: Receives, actor: Actor, data: object) -> Any:
    """Run the declaration and make its answer, in this thread."""
    return declaration.answer(declaration.run(actor, data), actor)


def with_path(body: object, **path: object) -> object:
    """A body together with the ids of the address, which it must not name again."""
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    for name in path:
        if name in body:
            raise UnknownField(f"{name} stands in the address.")
    return {**body, **{name: str(value) for name, value in path.items()}}


class Route(ApiView):
    """A route whose methods run declarations; what stands in the address is part of what is asked."""

    def ask(self, declaration: Receives, body: object = None, /, **path: object) -> Response:
        """Run the declaration for the person who asks, and give its answer."""
        return Response(perform(declaration, self.actor, with_path({} if body is None else body, **path)))
