"""Files: what uploads and downloads of 50 MiB reach, and what they add to the server's memory.

The file is sound that nobody made: the header of a WAV and noise, which nothing compresses or guesses. What comes
back is compared with it; anything else ends the measurement.
"""

import asyncio
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from struct import pack
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import PeakMemory
from benchmarks.rest import RestConnection
from benchmarks.targets import Meter, Pair, Target, Values

_SIZE = 50 * 1024**2
_SMALL = 1024**2
_PART = 64 * 1024
_WAV_HEADER_BYTES = 44
# A bound on what is left in the storage until the end: 1 GB.
_MOST_TIMES = 20
_AT_ONCE = 8


async def measure_files(target: Target, seconds: float) -> Values:
    small, large = _sound(_SMALL), _sound(_SIZE)
    async with _people(target, 1, small) as (one,):
        memory, meter = PeakMemory(target.processes["server"]), Meter(target.processes)
        values = await _by_one(target, one, large, seconds) | {"RSS MiB more at the peak": memory.growth() / 1024}
        spent = meter.stop()
    async with _people(target, _AT_ONCE, small) as people:
        memory = PeakMemory(target.processes["server"])
        await asyncio.gather(*(person.up_and_down(large) for person in people))
        values |= {f"RSS MiB more with {_AT_ONCE} people at once": memory.growth() / 1024}
    return values | spent.conditions()


@asynccontextmanager
async def _people(target: Target, count: int, warm_up: bytes) -> "AsyncIterator[list[_Person]]":
    """Newly connected, and each has moved this file both ways: what the server loads once, it has."""
    people = [_Person(target, pair, await RestConnection.open(target.url)) for pair in target.fixture.pairs[:count]]
    try:
        # All at once: a server closes a connection that waits for its turn too long.
        await asyncio.gather(*(person.up_and_down(warm_up) for person in people))
        yield people
        # As somebody does who has changed their mind: only so many files of one person may wait for their message.
        await asyncio.gather(*(person.discard_all() for person in people))
    finally:
        for person in people:
            person.close()


async def _by_one(target: Target, one: "_Person", content: bytes, seconds: float) -> Values:
    ids: list[str] = []

    async def upload() -> None:
        ids.append(await one.upload(content))

    uploading = await _repeat(target, "upload", upload, seconds)
    links = cycle([await one.link(file_id) for file_id in ids])
    return uploading | await _repeat(target, "download", lambda: one.download(next(links), content), seconds)


async def _repeat(target: Target, what: str, transfer: Callable[[], Awaitable[None]], seconds: float) -> Values:
    meter, times, end = Meter(target.processes), 0, time.monotonic() + seconds
    while time.monotonic() < end and times < _MOST_TIMES:
        await transfer()
        times += 1
    spent, megabytes = meter.stop(), times * _SIZE / 1e6
    return {
        f"{what} MB/s": megabytes / spent.seconds,
        f"{what} MB per server CPU s": megabytes / max(spent.cpu["server"], 1e-9),
    }


class _Person:
    """Somebody with a conversation and a connection, who does one thing after the other."""

    def __init__(self, target: Target, pair: Pair, connection: RestConnection) -> None:
        self._name, self._conversation, self._connection = target.name, pair.conversation, connection
        self._token = target.fixture.users[pair.sender]
        self._stored: list[str] = []

    def close(self) -> None:
        self._connection.close()

    async def up_and_down(self, content: bytes) -> None:
        await self.download(await self.link(await self.upload(content)), content)

    async def upload(self, content: bytes) -> str:
        """The id of a file that may be downloaded."""
        boundary = secrets.token_hex(16)
        before, after = _form(boundary, self._conversation)
        length = len(before) + len(content) + len(after)
        kind = f"multipart/form-data; boundary={boundary}"
        parts = _parts(before, content, after)
        answer = await self._connection.post("/api/v1/attachments", self._token, kind, parts, length)
        stored = self._read(201, *answer)
        if stored["status"] != "clean" or stored["size"] != len(content):
            raise ValueError(f"what was stored is not what was sent: {stored['status']}, {stored['size']} bytes")
        self._stored.append(stored["id"])
        return self._stored[-1]

    async def discard_all(self) -> None:
        for file_id in self._stored:
            status, body = await self._connection.delete(f"/api/v1/attachments/{file_id}", self._token)
            if status != 204:
                raise ValueError(f"{self._name} answered {status}: {body[:200]!r}")

    async def link(self, file_id: str) -> str:
        path = f"/api/v1/attachments/{file_id}/url"
        answer = await self._connection.post(path, self._token, "application/json", [b"{}"], 2)
        parts = urlsplit(self._read(200, *answer)["url"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    async def download(self, path: str, expected: bytes) -> None:
        status, content = await self._connection.get(path, "")
        if status != 200 or content != expected:
            raise ValueError(f"{status}: {len(content)} bytes that are not what was sent")

    def _read(self, wanted: int, status: int, body: bytes) -> dict[str, Any]:
        if status != wanted:
            raise ValueError(f"{self._name} answered {status}: {body[:200]!r}")
        answer: dict[str, Any] = json.loads(body)
        return answer


def _sound(size: int) -> bytes:
    """A WAV of `size` bytes, 16 bits and 48,000 times a second: the same noise every time."""
    noise = random.Random(7).randbytes(size - _WAV_HEADER_BYTES)  # noqa: S311  the same for every run
    form = pack("<4sI4s", b"RIFF", size - 8, b"WAVE")
    return form + pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 48_000, 96_000, 2, 16, b"data", len(noise)) + noise


def _form(boundary: str, conversation: str) -> tuple[bytes, bytes]:
    """What stands before and behind the file in the body."""
    before = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="conversationId"\r\n\r\n{conversation}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="noise.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return before.encode(), f"\r\n--{boundary}--\r\n".encode()


def _parts(before: bytes, content: bytes, after: bytes) -> Iterator[bytes]:
    yield before
    yield from (content[at : at + _PART] for at in range(0, len(content), _PART))
    yield after
