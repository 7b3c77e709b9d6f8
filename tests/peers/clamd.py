"""Debian's clamd with deploy/clamd.conf and one signature of our own: it knows the test file EICAR and nothing else.

On a developer's machine without clamd its tests are skipped; in CI they fail. No signature comes from the network.
"""

import hashlib
import io
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from attachments.scanning import standing
from attachments.scanning.breaker import breaker
from attachments.scanning.probing import eicar
from tests.servers import _signal_when_parent_dies

MISSING = (
    "These tests need clamd: install the package 'clamav-daemon' "
    "(Debian: apt-get install --no-install-recommends clamav-daemon)."
)
SHIPPED = (Path(__file__).parents[2] / "deploy" / "clamd.conf").read_text()
_START_TIMEOUT = 60.0
_ELSEWHERE = ("TCPSocket", "TCPAddr", "User")
_SIGNATURE = "Project.Test.EICAR"


@dataclass
class Clamd:
    """A clamd in a folder of its own. It can be stopped and started again at the same place."""

    program: str
    folder: Path
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"unix:{self.folder}/clamd.sock"

    def start(self) -> None:
        for left in (self.folder / "shown").iterdir():  # when it was stopped in the middle
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self.program, f"--config-file={self.folder}/clamd.conf"],
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_signal_when_parent_dies(signal.SIGTERM),
            )
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._answers():
            log_so_far = (self.folder / "log").read_text(errors="replace")
            assert self._process.poll() is None, f"clamd did not start:\n{log_so_far}"
            assert time.monotonic() < deadline, f"clamd does not answer:\n{log_so_far}"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It is there and accepts connections, as the kernel does for it, but does nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def has_left_over(self) -> bool:
        """Whether it still has something of what it was shown; it removes that a moment after its answer."""
        deadline = time.monotonic() + 20
        while any((self.folder / "shown").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return any((self.folder / "shown").iterdir())

    def memory(self) -> int:
        """The most it ever had resident, in bytes."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(f"{self.folder}/clamd.sock")
                connection.sendall(b"nPING\n")
                return connection.recv(16) == b"PONG\n"
            except OSError:
                return False


def program() -> str:
    """The path of clamd; skips, or in CI fails, where there is none."""
    found = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found:
        return found
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@contextmanager
def clamd_of(
    *, age: timedelta | None = timedelta(hours=1), shipped: bool = True, changed: Mapping[str, str] | None = None
) -> Iterator[Clamd]:
    """A running clamd whose database is so old, or of no date; as we ship it, or with clamd's own defaults; with these
    settings of clamd's changed."""
    folder = Path(tempfile.mkdtemp(prefix="parley-test-clamd-"))
    clamd = Clamd(program(), folder)
    try:
        _furnish(folder, age, SHIPPED if shipped else "Foreground yes", changed or {})
        clamd.start()
        yield clamd
    finally:
        clamd.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _furnish(folder: Path, age: timedelta | None, configuration: str, changed: Mapping[str, str]) -> None:
    for name in ("db", "shown"):
        (folder / name).mkdir()
    own = {
        "DatabaseDirectory": f"{folder}/db",
        "LocalSocket": f"{folder}/clamd.sock",
        "TemporaryDirectory": f"{folder}/shown",
        **_account(),
        **changed,
    }
    # clamd goes by the first line about something.
    lines = [f"{name} {value}" for name, value in own.items()]
    lines += [line for line in configuration.splitlines() if not line.startswith((*_ELSEWHERE, *own))]
    (folder / "clamd.conf").write_text("\n".join([*lines, ""]))
    signature = f"{_SIGNATURE}:0:*:{eicar()[11:].hex()}\n".encode()
    if age is None:
        (folder / "db" / "local.ndb").write_bytes(signature)
    else:
        (folder / "db" / "daily.cud").write_bytes(_container(signature, datetime.now(UTC) - age))
    _hand_over(folder)


def _container(signature: bytes, made: datetime) -> bytes:
    """A database in ClamAV's own, unsigned form (.cud): clamd takes the date that it tells from the header of `daily`.
    The header, then a tar of a description and what it describes."""
    header = f"ClamAV-VDB:{made:%d %b %Y %H-%M} +0000:27500:1:90:X:X:tests:{int(made.timestamp())}"
    described = f"{header}\ndaily.ndb:{len(signature)}:{hashlib.sha256(signature).hexdigest()}\n".encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("COPYING", b"none\n"), ("daily.info", described), ("daily.ndb", signature)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return header.encode().ljust(512) + content.getvalue()


def _account() -> dict[str, str]:
    """Started by root, it becomes another user, as a package sets it up."""
    return {"User": "clamav"} if os.geteuid() == 0 and _clamav() is not None else {}


def _hand_over(folder: Path) -> None:
    account = _clamav()
    if os.geteuid() == 0 and account is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)


def _clamav() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("clamav")
    except KeyError:
        return None


@pytest.fixture(scope="session")
def session_clamd() -> Iterator[Clamd]:
    with clamd_of() as clamd:
        yield clamd


@pytest.fixture
def clamd(session_clamd: Clamd, settings: Settings) -> Clamd:
    """The scanner of this test: signatures of an hour ago, deploy/clamd.conf. Shared: whoever stops it starts it."""
    scan_with(settings, session_clamd.url)
    return session_clamd


def scan_with(settings: Settings, url: str) -> None:
    """From now on this process asks the scanner at `url`, and remembers nothing of another."""
    settings.ATTACHMENT_SCANNER, settings.CLAMD_URL = "clamd", url
    forget()


def forget() -> None:
    breaker.reset()
    standing.forget()


if __name__ == "__main__":  # to try things out without the network
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with clamd_of() as running:
        sys.stderr.write(f"ATTACHMENT_SCANNER=clamd CLAMD_URL={running.url}\n")
        with suppress(KeyboardInterrupt):
            signal.pause()
