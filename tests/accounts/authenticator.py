"""An authenticator app: RFC 6238 once more, so that the server's arithmetic is not compared with itself."""

import base64
import hmac
import re
import struct
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from accounts import totp


class Clock:
    """The server's clock for codes, standing still."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 12, 0, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(totp, "now", clock)
    return clock


def code_at(secret: str, unix_time: float) -> str:
    digest = hmac.digest(base64.b32decode(secret.replace(" ", "")), struct.pack(">Q", int(unix_time) // 30), "sha1")
    offset = digest[-1] & 15
    number = struct.unpack_from(">I", digest, offset)[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class App:
    """What somebody has on their phone after they have scanned the page."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret, self._clock = secret, clock

    def code(self, later: float = 0) -> str:
        """What it shows now, or so many seconds later."""
        return code_at(self._secret, self._clock().timestamp() + later)


def secret_on(page: httpx.Response | str) -> str:
    """The key that stands on the page."""
    found = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', page if isinstance(page, str) else page.text)
    assert found, page
    return found[1]


def recovery_codes_on(page: httpx.Response) -> list[str]:
    return re.findall(r"<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>", page.text)
