"""The routes under `/api/v1/attachments`."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.authentication import signed_in
from attachments import events
from attachments import serializers as shapes
from attachments.uploading import receiving
from attachments.uploading.incoming import GoneAway, Incoming
from attachments.uploading.places import uploads
from core import limits
from core.actor import Actor
from core.errors import Draining, MethodNotAllowed
from core.rest import JsonResponse, refuse_unknown_params
from core.rest.declared import Route, documented, with_path
from core.rest.views import ApiView, described
from core.shapes import validate
from realtime import draining, threads

_PENDING = {409: OpenApiResponse(description="`scan_pending`: it was not scanned yet; `Retry-After` says when to ask.")}
_BLOCKED = {403: OpenApiResponse(description="`blocked_file`: the scanner did not find it clean.")}
_ALTERED = {502: OpenApiResponse(description="`integrity_error`: what is stored is not what was stored.")}
_SHREDDED = {410: OpenApiResponse(description="`shredded`: its key has been destroyed.")}


class _UploadDescription(ApiView):
    parser_classes = (MultiPartParser,)

    @documented(
        events.upload,
        request=shapes.UploadBody,
        examples=[
            OpenApiExample(title, {**fields, "file": "…"}, request_only=True, media_type=MultiPartParser.media_type)
            for title, fields in events.upload.examples.items()
        ],
        responses={
            201: OpenApiResponse(shapes.AttachmentOut, "It is stored, and scanned if the scanner answered in time."),
            403: OpenApiResponse(description="You can see the conversation, but may not write in it."),
            404: OpenApiResponse(description="There is no such conversation, as far as you may know."),
            408: OpenApiResponse(description="`timeout`: nothing came for a minute, or too little in all."),
            409: OpenApiResponse(description="`too_many_unsent`: send or discard some first."),
            413: OpenApiResponse(description="`too_large`: more bytes, or more pixels, than a file may have."),
            415: OpenApiResponse(
                description="`unsupported_type`: such files are not taken. `type_mismatch`: content, name and declared "
                "type say different things. `unsupported_media_type`: the body is no form."
            ),
        },
    )
    def post(self, request: Request) -> None:
        """Documentation only."""


@signed_in
async def _upload(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        raise MethodNotAllowed()
    refuse_unknown_params(request, ())
    if draining.is_on():
        # What takes so long would be cut off in the middle.
        raise Draining()
    actor: Actor = request.actor  # type: ignore[attr-defined]  # set by signed_in
    incoming: Incoming = request.scope["incoming"]  # type: ignore[attr-defined]  # an ASGIRequest's; `streamed` set it
    try:
        return await _received(actor, request.headers.get("content-type", ""), incoming)
    except GoneAway:
        return HttpResponse(status=400)  # nobody is there to read it


async def _received(actor: Actor, content_type: str, incoming: Incoming) -> HttpResponseBase:
    # Counted before a byte of the body is waited for. A place is taken only when the file has begun: idle connections
    # of two people could hold all of them otherwise.
    limits.enforce(events.upload.limit, actor.id)
    arriving = await receiving.begun(content_type, incoming)
    clean = validate(events.upload.schema, arriving.form.fields())
    with uploads.take(actor.id):
        attachment = await events.upload.perform_awaiting(actor, {**clean, "arriving": arriving})
    return JsonResponse(await threads.run(events.upload.answer, attachment, actor), status=201)


upload = described(_upload, _UploadDescription)


class AttachmentView(Route):
    @documented(events.get)
    def get(self, request: Request, attachment_id: UUID) -> Response:
        return self.ask(events.get, attachmentId=attachment_id)

    @documented(
        events.discard,
        responses={
            204: OpenApiResponse(description="It is gone for everybody."),
            403: OpenApiResponse(description="You can see it, but it was sent, or is somebody else's."),
            409: OpenApiResponse(
                description="`conflict`: it has just been sent, or discarded. `legal_hold`: it cannot be deleted now."
            ),
        },
    )
    def delete(self, request: Request, attachment_id: UUID) -> Response:
        self.ask(events.discard, attachmentId=attachment_id)
        return Response(status=204)


class LinkView(Route):
    @documented(
        events.link,
        request=shapes.LinkBody,
        responses={200: shapes.LinkOut} | _BLOCKED | _PENDING | _SHREDDED | _ALTERED,
    )
    def post(self, request: Request, attachment_id: UUID) -> Response:
        return self.ask(events.link, with_path(request.data, attachmentId=attachment_id))
