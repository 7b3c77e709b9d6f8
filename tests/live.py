"""The real server, in a thread of the test process: the real application, event loop, protocol and sockets.

So a test can reach it through HTTP and WebSocket like anybody, and can still change a setting, look at the hub, or move
the clock.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils.module_loading import import_string

from realtime import handshake, lifespan, revocation
from realtime.hub import Hub, hub
from realtime.protocol import CloseCode
from realtime.server import Server as UvicornServer
from realtime.server import configuration
from tests.reset import Reset

_PATIENCE = 15.0


@dataclass(frozen=True)
class Server:
    """Where it listens, and its insides."""

    port: int
    hub: Hub

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/chat"

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on the server's event loop and wait for its end."""
        asyncio.run_coroutine_threadsafe(work, lifespan.loop()).result(_PATIENCE)

    def sweep(self) -> None:
        """What happens every 15 s."""
        self.run(revocation.sweep(self.hub))

    def compare_heads(self) -> None:
        """What happens with every heartbeat."""
        self.run(lifespan.pulse().compare_heads())

    def begin_anew(self, *, embedded: bool = False) -> None:
        """Restart what runs beside the sockets, so that it reads its settings again."""
        loop = lifespan.loop()
        with override_settings(EMBEDDED=embedded):
            asyncio.run_coroutine_threadsafe(_restart(), loop).result(_PATIENCE)

    def sees(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until this is true."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "it did not become true in time"
            time.sleep(0.005)


@pytest.fixture(scope="session")
def running_server(reset: Reset) -> Iterator[Server]:
    """Started with the first test that needs it, without the worker's thread: tests run jobs when they want them."""
    with _running() as server:
        yield server


@pytest.fixture
def server(running_server: Server, database: None) -> Iterator[Server]:
    """The live server; afterwards none of the test's connections is left."""
    yield running_server
    running_server.run(_close_all())
    running_server.sees(lambda: not hub.sockets and not hub.feeds)
    handshake.doorstep.reset()


@contextmanager
def _running() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        ready = threading.Event()
        application = import_string(settings.ASGI_APPLICATION)
        server = UvicornServer(configuration(application, "127.0.0.1", port), ready.set)
        thread = threading.Thread(target=server.run, args=[[listener]], name="live-server", daemon=True)
        with override_settings(EMBEDDED=False):
            thread.start()
            assert ready.wait(_PATIENCE), "the live server did not start"
        try:
            yield Server(port, hub)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_PATIENCE)


async def _restart() -> None:
    await lifespan.stop()
    await lifespan.start()


async def _close_all() -> None:
    for one in [*hub.sockets]:
        one.close(CloseCode.GOING_AWAY)
