"""GET and POST /patient-records, POST /patient-records/lookup, GET and PATCH /patient-records/{id}.

A medical record number is in no address: addresses end up in logs.
"""

from uuid import UUID

from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import serializers as shapes
from accounts.events import patients as events
from accounts.views.sessions import CURSOR, LIMIT
from core.rest import query_int
from core.rest.declared import Route, documented, perform
from core.rest.paging import MOST, USUAL

_CONFLICT = {409: OpenApiResponse(description="`conflict`: there is a record with this number.")}
_FORBIDDEN = {403: OpenApiResponse(description="Only providers and staff work with patient records.")}
_NO_PATIENT = {404: OpenApiResponse(description="There is no such person, as far as you may know.")}
_UNKNOWN = {404: OpenApiResponse(description="There is no record with this number.")}


class PatientRecordsView(Route):
    params = {"GET": frozenset({"cursor", "limit"})}

    @documented(events.list_all, parameters=[CURSOR, LIMIT], responses={200: shapes.PatientRecordsOut, **_FORBIDDEN})
    def get(self, request: Request) -> Response:
        cursor = request.query_params.get("cursor")
        limit = query_int(request._request, "limit", USUAL, 1, MOST)
        return self.ask(events.list_all, {"limit": limit} | ({} if cursor is None else {"cursor": cursor}))

    @documented(
        events.create,
        request=shapes.PatientRecordIn,
        responses={201: shapes.PatientRecordOut, **_FORBIDDEN, **_NO_PATIENT, **_CONFLICT},
    )
    def post(self, request: Request) -> Response:
        return Response(perform(events.create, self.actor, request.data), status=201)


class LookupView(Route):
    @documented(
        events.lookup,
        request=shapes.LookupIn,
        responses={200: shapes.PatientRecordOut, **_FORBIDDEN, **_UNKNOWN},
    )
    def post(self, request: Request) -> Response:
        return self.ask(events.lookup, request.data)


class PatientRecordView(Route):
    @documented(events.get)
    def get(self, request: Request, record_id: UUID) -> Response:
        return self.ask(events.get, recordId=record_id)

    @documented(
        events.update,
        request=shapes.PatientRecordPatchBody,
        responses={200: shapes.PatientRecordOut, **_CONFLICT},
    )
    def patch(self, request: Request, record_id: UUID) -> Response:
        return self.ask(events.update, request.data, recordId=record_id)
