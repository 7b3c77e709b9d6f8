"""Python processes that begin with their libraries imported: forked from one that has done that and nothing else.

`manage.py check` takes 1.4 s of processor time, and 1.2 of them are imports of other people's libraries. What is
forked here has those; it reads its settings, and imports everything of Parley, by itself. The environment, the working
directory, `sys.argv`, the output and the exit status are what they would be had it been started as `python …`.
"""

import atexit
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from tests.zygote import Request

ROOT = Path(__file__).parents[1]


class Forked:
    """A process that runs `python <arguments>`, with the methods of subprocess.Popen.

    Args:
        arguments: what follows `python`: a script, or `-c` and a program, or `-m` and a module.
        environment: all of it, by default this process's.
        stdout, stderr: a file to write to; by default this process's.

    Nobody reads its input. Raises RuntimeError when it could not be started.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        stdout: IO[str] | IO[bytes] | int | None = None,
        stderr: IO[str] | IO[bytes] | int | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._arguments = arguments
        request = Request(list(arguments), dict(os.environ if environment is None else environment), str(ROOT))
        self._line, theirs = socket.socketpair()
        with theirs:
            files = [theirs.fileno(), _number(stdout, 1), _number(stderr, 2)]
            socket.send_fds(_zygote(), [b"!"], files)
        self._line.sendall(request.bytes())
        self.pid = self._read(timeout=60)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; raises subprocess.TimeoutExpired when it still runs after so many seconds."""
        if self.returncode is None:
            try:
                self.returncode = self._read(timeout)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self._arguments, timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, how: signal.Signals) -> None:
        """Nothing happens when it has ended already."""
        if self.poll() is None:
            os.kill(self.pid, how)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int:
        self._line.settimeout(timeout)
        said = self._line.recv(4)
        if len(said) != 4:
            raise RuntimeError("The process that forks is gone; its reason is on standard error.")
        return int.from_bytes(said, "big", signed=True)


def run(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Like subprocess.run with captured output, as text: `python <arguments>`, until it ends."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = Forked(*arguments, environment=environment, stdout=out, stderr=err)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            [sys.executable, *arguments], status, *(_all_of(file) for file in (out, err))
        )


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _number(file: IO[str] | IO[bytes] | int | None, default: int) -> int:
    if file is None:
        return default
    return file if isinstance(file, int) else file.fileno()


@functools.cache
def _zygote() -> socket.socket:
    """The line to the process that forks: started with the first that is needed, gone when the line is."""
    line, theirs = socket.socketpair()
    # Not traced itself, and without this process's settings: each that is forked gets an environment of its own.
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "PYTHONPYCACHEPREFIX"}}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=kept,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for pytest, which ends what it has started
        )
    atexit.register(process.wait, 10)
    atexit.register(line.close)
    return line
