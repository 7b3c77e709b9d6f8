"""Whether the process lives, and whether it can serve. No version, address or error text: anybody may ask."""

import asyncio
import time

from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from attachments.scanning.standing import standing
from core.errors import DatabaseUnavailable, Draining, KeyUnavailable, Starting
from core.rest import JsonResponse, problem
from core.rest.errors import request_id_of
from core.time import now, wire_time
from encryption import shredding
from encryption.keyring import keyring
from realtime import draining, threads
from realtime.hub import hub

_began = time.monotonic()


@require_safe
async def health(request: HttpRequest) -> HttpResponse:
    """How the process fares: sockets now, since its start and at most; its age in milliseconds."""
    return JsonResponse(
        {
            "status": "draining" if draining.is_on() else "healthy",
            "connections": hub.counts(),
            "uptime": int((time.monotonic() - _began) * 1000),
            "timestamp": wire_time(now()),
        }
    )


@require_safe
async def live(request: HttpRequest) -> HttpResponse:
    """The event loop answers."""
    return JsonResponse({"status": "live"})


@require_safe
async def ready(request: HttpRequest) -> HttpResponse:
    """503 while draining, while the database does not answer or its migrations are not applied, and while it does not
    know yet what has to stay destroyed (`starting`): it was restored from an older copy. Also once the master key that
    this process wraps with was retired (`key_unavailable`): it has to be restarted with another.

    A missing Redis is said, but is no reason to send nobody here: deliveries go on without it. So is a scanner that
    does not answer, or whose signatures are old (`attachments.scanning.standing`): messages go on, and files wait.
    """
    if draining.is_on():
        return problem(Draining(), request_id_of(request))
    if not await threads.run(_database_is_ready):
        return problem(DatabaseUnavailable(), request_id_of(request))
    if await threads.run(shredding.is_behind):
        return problem(Starting(), request_id_of(request))
    if not await threads.run(_wraps):
        return problem(KeyUnavailable(), request_id_of(request))
    cache = await sync_to_async(cache_state)()
    return JsonResponse({"status": "ready", "cache": cache, "scanner": await asyncio.to_thread(standing)})


def _wraps() -> bool:
    return keyring().is_in_service()


def _database_is_ready() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return _migrated()
    except DatabaseError:
        return False


_known_as_migrated = False


def _migrated() -> bool:
    """Asked until the answer is yes; a running server's code does not get new migrations."""
    global _known_as_migrated
    if not _known_as_migrated:
        executor = MigrationExecutor(connection)
        _known_as_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _known_as_migrated


def cache_state() -> str:
    """`available`, or not: of Redis, or what stands in for it."""
    try:
        cache.get("health")
    except RedisError:
        return "unavailable"
    return "available"
