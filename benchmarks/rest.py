"""An HTTP client for one kept connection and one request at a time, cheap enough to stand beside the server."""

import asyncio
from collections.abc import Iterable
from typing import Self
from urllib.parse import urlsplit


class RestConnection:
    """Answers must have a Content-Length. With an empty token nobody is signed in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> Self:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def get(self, path: str, token: str) -> tuple[int, bytes]:
        """Status and body."""
        self._writer.write(self._head("GET", path, token) + b"\r\n")
        return await self._answer()

    async def delete(self, path: str, token: str) -> tuple[int, bytes]:
        """Status and body."""
        self._writer.write(self._head("DELETE", path, token) + b"\r\n")
        return await self._answer()

    async def post(self, path: str, token: str, kind: str, parts: Iterable[bytes], length: int) -> tuple[int, bytes]:
        """Send a body of this content type and length as fast as it is taken; status and body of the answer."""
        self._writer.write(self._head("POST", path, token))
        self._writer.write(f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode())
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
        return await self._answer()

    def _head(self, method: str, path: str, token: str) -> bytes:
        signed_in = f"Authorization: Bearer {token}\r\n" if token else ""
        return f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{signed_in}".encode()

    async def _answer(self) -> tuple[int, bytes]:
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        begin = answer.index(b"content-length:") + len(b"content-length:")
        length = int(answer[begin : answer.index(b"\r\n", begin)])
        return int(answer.split(b" ", 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()
