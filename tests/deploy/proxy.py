"""A real nginx with deploy/nginx.conf; only addresses and folders are put in."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
MISSING = "These tests need nginx: install the package 'nginx-light' (Debian: apt-get install nginx-light)."


def nginx_executable() -> str:
    """On a developer's machine without nginx the test is skipped, in CI it fails."""
    # Debian keeps it where only root's PATH looks.
    if found := shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin"):
        return found
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@dataclass(frozen=True)
class Proxy:
    """A running nginx. `log` is everything it has written, errors too."""

    url: str
    process: subprocess.Popen[bytes]
    _output: Path

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/chat"

    @property
    def log(self) -> str:
        return self._output.read_text()


def with_tls(text: str) -> str:
    """What its first lines say: `sed 's/#tls //'`."""
    return text.replace("#tls ", "")


def configured(servers: list[str], folder: Path, edits: dict[str, str], *, tls: bool) -> str:
    """The configuration for two servers (`host:port`), with its files in `folder` and further `edits`."""
    text = with_tls(CONFIGURATION.read_text()) if tls else CONFIGURATION.read_text()
    everything = {
        "/tmp/": f"{folder}/",  # noqa: S108  a container's own
        "worker_processes auto;": "worker_processes 1;",
        "server web1:8000;": f"server {servers[0]};",
        "server web2:8000;": f"server {servers[1]};",
        **edits,
    }
    for old, new in everything.items():
        assert text.count(old) >= 1, f"deploy/nginx.conf does not hold: {old}"
        text = text.replace(old, new)
    return text


@contextmanager
def proxy(servers: list[str], folder: Path, tls: dict[str, str] | None = None) -> Iterator[Proxy]:
    """nginx in front of two servers, with TLS when its lines are edited too; ended for certain afterwards."""
    executable, port = nginx_executable(), free_port()
    file, output = folder / "nginx.conf", folder / "output"
    edits = {"listen 8080;": f"listen 127.0.0.1:{port};", **(tls or {})}
    file.write_text(configured(servers, folder, edits, tls=tls is not None))
    command = [executable, "-p", str(folder), "-c", str(file), "-g", "daemon off;"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    running = Proxy(f"http://127.0.0.1:{port}", process, output)
    try:
        _wait_until_it_answers(running, port)
        yield running
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_it_answers(running: Proxy, port: int) -> None:
    # By TCP alone: a request would already reach the servers behind it.
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
        except OSError:
            assert running.process.poll() is None, running.log
            assert time.monotonic() < deadline, "nginx did not answer within 20 s"
            time.sleep(0.02)
        else:
            return
