"""`manage.py serve` as a process of its own, beside the live server in the test process (tests.live)."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.forked import Forked


@dataclass(frozen=True)
class Served:
    """A running process, and where it listens."""

    process: Forked
    url: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/chat"


@contextmanager
def served(**environment: str) -> Iterator[Served]:
    """Serve on the database of this test, with these settings; ended for certain afterwards."""
    port = free_port()
    process = Forked("manage.py", "serve", "--port", str(port), environment={**os.environ, **environment})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_life(url, process)
        yield Served(process, url)
    finally:
        process.kill()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for_life(url: str, process: Forked) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended at start-up"
        try:
            if httpx.get(f"{url}/health/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not answer within 60 s")
