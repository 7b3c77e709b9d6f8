"""Requests over HTTP: how many, with which status, how long until their answer's head. Sockets are not among them."""

import time

from django.http import HttpRequest, HttpResponseBase

from core import measuring

_AREAS = {"/api/v1/": "api", "/files/": "files", "/admin/": "admin", "/static/": "static", "/health": "health"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_requests = measuring.counter("http_requests", "Requests over HTTP.", "area", "method", "status")
_seconds = measuring.histogram("http_seconds", "How long until their answer began.", "area")


def begun(request: HttpRequest) -> None:
    request.begun_at = time.perf_counter()  # type: ignore[attr-defined]  # read below


def answered(request: HttpRequest, response: HttpResponseBase) -> None:
    """Count it. By the beginning of its address, never by the address."""
    area = next((area for prefix, area in _AREAS.items() if request.path.startswith(prefix)), measuring.OTHER)
    method = request.method if request.method in _METHODS else measuring.OTHER
    _requests.inc(area, method or measuring.OTHER, str(response.status_code))
    _seconds.observe(time.perf_counter() - request.begun_at, area)  # type: ignore[attr-defined]  # set above
