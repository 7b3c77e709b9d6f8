"""`GET /metrics`: figures for Prometheus (docs/watching.md has them all)."""

import asyncio

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from prometheus_client import CONTENT_TYPE_LATEST

from config.metrics.exposition import exposition
from config.metrics.guard import may_read
from config.metrics.statistics import statistics


async def metrics(request: HttpRequest) -> HttpResponseBase:
    """What all processes of this DATA_DIR have counted, and what the database and the scanner said lately. To whoever
    may not know (`guard`) it answers as an address that nobody has."""
    if not may_read(request):
        raise Http404
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    await statistics.refresh()
    return HttpResponse(await asyncio.to_thread(exposition), content_type=CONTENT_TYPE_LATEST)
