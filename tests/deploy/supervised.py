"""`manage.py serve --workers N` as a process of its own, and who its workers are. Linux: it reads /proc."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0


@dataclass(frozen=True)
class Supervised:
    """A running supervisor; `output` and `errors` are the files it and its workers write to."""

    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    @property
    def url(self) -> str:
        return self.output.read_text().split()[-1]

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/chat"

    def workers(self) -> set[int]:
        """The ids of the worker processes that live."""
        return {pid for pid in alive() if parent_of(pid) == self.process.pid}

    def tell(self, how: signal.Signals) -> None:
        self.process.send_signal(how)


def alive() -> list[int]:
    """Every process but those that have ended and are not yet collected."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _state(entry)[:1] != "Z"]


def parent_of(pid: int) -> int:
    return int((_state(Path(f"/proc/{pid}")) or "Z 0").split()[1])


def _state(entry: Path) -> str:
    """Its state, parent and so on (proc_pid_stat(5)); empty when it is gone meanwhile."""
    try:
        return (entry / "stat").read_text().rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def becomes_true(condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
    """Wait until this is true."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"it did not become true within {timeout} s"
        time.sleep(0.05)


@contextmanager
def supervised(folder: Path, *, ready: bool = True, workers: int = 2, **environment: str) -> Iterator[Supervised]:
    """Serve with several workers on the database of this test; all of them are ended for certain afterwards."""
    output, errors = folder / "output", folder / "errors"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", "0", "--workers", str(workers)],
            env={**os.environ, **environment},
            stdout=out,
            stderr=err,
        )
    running = Supervised(process, output, errors)
    try:
        if ready:
            becomes_true(lambda: "\n" in output.read_text() or process.poll() is not None)
            assert process.poll() is None, errors.read_text()
        yield running
    finally:
        left = running.workers()
        process.kill()
        process.wait(10)
        for pid in left & set(alive()):
            os.kill(pid, signal.SIGKILL)
