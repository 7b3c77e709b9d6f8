"""Base of the ordinary REST views, and documentation for those that are not DRF's."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from rest_framework.request import Request
from rest_framework.views import APIView

from core.actor import Actor
from core.rest.asked import attempted, refuse_unknown_params

View = TypeVar("View", bound=Callable[..., Any])


class ApiView(APIView):
    """A view for people who are signed in. `self.actor` is who asks.

    `params` names the query parameters of each method: `{"GET": {"cursor", "limit"}}`.
    """

    params: ClassVar[Mapping[str, frozenset[str]]] = {}
    request: Request

    @property
    def actor(self) -> Actor:
        return cast(Actor, self.request.auth)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        refuse_unknown_params(request._request, self.params.get(request.method or "", frozenset()))

    def attempted(self) -> str:
        return attempted(self.request._request)


def described(view: View, description: type[APIView]) -> View:
    """`view`, documented by `description`: a DRF view that is never called, with `extend_schema` on its methods.

    Hot routes are plain async views; the schema generator knows DRF views only and finds them by these attributes.
    """
    view.cls = description  # type: ignore[attr-defined]  # what APIView.as_view() sets, and the generator reads
    view.initkwargs = {}  # type: ignore[attr-defined]
    return view
