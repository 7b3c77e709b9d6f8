"""Servers of other people's making that tests talk to: each a real process of its own, ended for certain."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

START_TIMEOUT = 60.0
"""Seconds until a peer that does not answer counts as failed: far above the usual 2 s, for a busy machine."""


def needed(what: str) -> NoReturn:
    """For a peer that is missing: on a developer's machine its tests are skipped, in CI they fail. `what` says what to
    install."""
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(what)
    pytest.skip(what)


@dataclass
class Peer:
    """A running process that listens at 127.0.0.1:`port`."""

    command: list[str]
    port: int
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Returns when it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_ending_with_us(), *self.command],
                cwd=self.log.parent,
                env={"PATH": os.environ["PATH"], "HOME": str(self.log.parent), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Killed: nothing is told to its clients, and nothing it holds is saved. A second call does nothing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def freeze(self) -> None:
        """It takes connections from now on and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


def _ending_with_us() -> list[str]:
    """No orphans even after `kill -9` of the test run; only Linux offers it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the peer did not answer in time"
        time.sleep(0.02)
