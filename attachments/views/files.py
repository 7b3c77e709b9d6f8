"""`GET /files/<token>`: a file by its link. A plain async view, because its answer is made while it is sent."""

from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from accounts.authentication import address_of
from attachments.refusals import RangeNotSatisfiable
from attachments.serving import heads, links
from attachments.serving.delivery import Delivery
from attachments.serving.links import Link
from attachments.serving.ranges import asked
from attachments.serving.telling import DETAILS, OPENED, tell
from attachments.serving.uses import Use, use_of
from core.errors import MethodNotAllowed
from core.limits import enforce
from core.rest import as_app_error, problem, refuse_unknown_params
from core.rest.errors import request_id_of
from core.rest.views import ApiView, described
from realtime import threads


async def _file(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed()
        refuse_unknown_params(request, ())
        return await _answer(request, links.read(token))
    except Exception as error:
        found = as_app_error(error)
        if found is None:
            raise
        return _refusal(request, problem(found, request_id_of(request)), error)


def _refusal(request: HttpRequest, response: HttpResponse, error: Exception) -> HttpResponse:
    response["Referrer-Policy"] = heads.ALWAYS["Referrer-Policy"]
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = "GET, HEAD"  # RFC 9110, 15.5.6
    if isinstance(error, RangeNotSatisfiable):
        response["Content-Range"] = f"bytes */{error.size}"
    return response


async def _answer(request: HttpRequest, link: Link) -> HttpResponseBase:
    # A limit of its own: with an address that leaked nobody uses up what its owner may ask of the rest.
    enforce("DOWNLOAD", link.user_id)
    check = partial(use_of, link, address_of(request), request_id_of(request))
    use = await threads.run(check)
    wanted = asked(request.headers.get("range"), request.headers.get("if-range"), use.sealed.size)
    status = 206 if wanted.partial else 200
    inline = link.inline or link.thumbnail
    headers = heads.headers(use.name, use.mime_type, wanted, inline=inline)
    if request.method == "HEAD":
        # Name, type and size: what `GET /attachments/{id}` tells, and the same entry.
        await tell(link, use.actor, use.attachment, DETAILS, often=use.is_voice)
        return HttpResponse(status=status, headers=headers)
    delivery = await _begun(Delivery(link, use, wanted, check), link, use)
    return StreamingHttpResponse(delivery, status=status, headers=headers)


async def _begun(delivery: Delivery, link: Link, use: Use) -> Delivery:
    """Begun, and recorded: nothing is given out that is not in the audit log."""
    try:
        await delivery.begin()
        await tell(link, use.actor, use.attachment, OPENED, often=use.is_voice)
    except BaseException:
        delivery.close()
        raise
    return delivery


class _FileDescription(ApiView):
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="getFile",
        tags=["attachments"],
        summary="A file, by the address that `POST /attachments/{id}/url` gave.",
        description=(
            "Decrypted while it is sent. One range of bytes may be asked for; there is no ETag. Every condition is "
            "asked again: whoever has left the conversation, signed out or was disabled gets 403, as for a link that "
            "was altered or has ended. Formats that browsers show keep their type, everything else comes as "
            "`application/octet-stream`. One person has at most 6 downloads under way, and a client that takes less "
            "than 16 KiB/s on the whole is cut off after its first minute."
        ),
        parameters=[OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="`bytes=0-65535`; one range.")],
        responses={
            (200, heads.OCTETS): OpenApiResponse(OpenApiTypes.BINARY, "The whole file."),
            (206, heads.OCTETS): OpenApiResponse(OpenApiTypes.BINARY, "The range that was asked for."),
            403: OpenApiResponse(description="The link does not work, or does not work any more."),
            409: OpenApiResponse(description="`scan_pending`: it was not scanned yet."),
            410: OpenApiResponse(description="`shredded`: its key has been destroyed."),
            416: OpenApiResponse(description="`range_not_satisfiable`: not one range inside the file."),
            429: OpenApiResponse(description="`rate_limited`: too many requests, or downloads at once."),
            502: OpenApiResponse(description="`integrity_error`: what is stored is not what was stored."),
            503: OpenApiResponse(description="`overloaded`: too many downloads of all; `storage_unavailable`."),
        },
    )
    def get(self, request: Request, token: str) -> None:
        """Documentation only."""


file = described(_file, _FileDescription)
