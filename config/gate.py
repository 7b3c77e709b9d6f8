"""One gate before the database for both doors: REST views wait for the same threads as what sockets ask for.

Django gives each synchronous view a thread of its own: 300 slow requests were 300 threads, each waiting for a
connection. Here a view runs in the bounded pool of `realtime.threads`, and a request that finds no free thread within
two seconds is told when to come again. Asynchronous views go through the same pool by themselves, for as long as they
need it.
"""

from asyncio import iscoroutinefunction
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse

from config.errors import expected
from core.errors import AppError
from core.rest import problem
from core.rest.errors import request_id_of
from realtime import threads

View = Callable[..., Any]


class Gate:
    """The innermost middleware. In a synchronous handler (Django's test client) it lets views run where they are."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view = run_in_pool

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer to an error that an asynchronous view outside DRF raised; None for what Django answers."""
        found = expected(exception)
        return problem(found, request_id_of(request)) if found else None


async def run_in_pool(
    request: HttpRequest, view: View, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> HttpResponseBase | None:
    """The rendered answer of a synchronous view; None leaves an asynchronous one to Django."""
    if iscoroutinefunction(view):
        return None
    try:
        return await threads.run(_answer, request, view, args, kwargs)
    except AppError as error:
        return problem(error, request_id_of(request))


def _answer(request: HttpRequest, view: View, args: Sequence[Any], kwargs: Mapping[str, Any]) -> HttpResponseBase:
    response: HttpResponseBase = view(request, *args, **kwargs)
    return _rendered(response) if isinstance(response, SimpleTemplateResponse) else response


def _rendered(response: SimpleTemplateResponse) -> HttpResponse:
    """The same as a plain response: templates may read the database, and for one that says it can be rendered Django
    would start a thread once more."""
    response.render()
    plain = HttpResponse(response.content, status=response.status_code, headers=response.headers)
    plain.cookies = response.cookies
    return plain
