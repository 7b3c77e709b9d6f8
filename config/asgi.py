"""The ASGI application: HTTP to Django behind its bounds, `/ws/chat` to the sockets, start-up and shutdown."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.core import signals
from django.db import close_old_connections, reset_queries

django.setup(set_prefix=False)  # loads the settings and the apps: what follows needs them

from attachments import uploading  # noqa: E402
from attachments.scanning import standing  # noqa: E402
from config.bounds import Receive, Scope, Send, bounded, with_a_bounded_head  # noqa: E402
from config.handler import Handler  # noqa: E402
from realtime import lifespan  # noqa: E402
from realtime.consumer import chat  # noqa: E402

# Who uses a connection gives it back (realtime.threads, AdminSessions). Django would look for one before and after each
# request, in a thread that it starts for nothing else.
signals.request_started.disconnect(close_old_connections)
signals.request_started.disconnect(reset_queries)
signals.request_finished.disconnect(close_old_connections)

standing.say_if_none()

_django = Handler()
_http = bounded(_django)
_uploads = with_a_bounded_head(uploading.streamed(_django), uploading.most_bytes, uploading.announced_too_much)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await (_uploads if uploading.takes(scope) else _http)(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/ws/chat":
        await chat(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 1000})  # before accepting: HTTP 403


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await lifespan.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await lifespan.stop()
    await send({"type": "lifespan.shutdown.complete"})
