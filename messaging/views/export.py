"""GET /me/export: a plain async view, because its answer is made while it is sent."""

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from accounts.authentication import signed_in
from core.actor import Actor
from core.errors import MethodNotAllowed
from core.rest import refuse_unknown_params
from core.rest.views import ApiView, described
from messaging.events import export as events
from messaging.export.places import exports
from messaging.services.exporting import Export
from messaging.views.base import documented

_ZIP = "application/zip"


class _ExportDescription(ApiView):
    @documented(
        events.export,
        responses={(200, _ZIP): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> None:
        """Documentation only."""


async def _parts(actor: Actor) -> Export:
    """In a place of its own, taken first: to be told to come again is not one of the few times a day."""
    place = exports.take(actor.id)
    try:
        clean = events.export.admit(actor, {})
        parts: Export = await events.export.perform_awaiting(actor, {**clean, "leave": place.give_back})
    except BaseException:
        place.give_back()
        raise
    return parts


@signed_in
async def _export(request: HttpRequest) -> HttpResponseBase:
    if request.method != "GET":
        raise MethodNotAllowed()
    refuse_unknown_params(request, ())
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by signed_in
    answer = StreamingHttpResponse(await _parts(actor), content_type=_ZIP)
    answer["Content-Disposition"] = 'attachment; filename="parley-export.zip"'
    return answer


export = described(_export, _ExportDescription)
