"""An HTTP client for one kept connection and one request at a time, cheap enough to stand beside the server."""

import asyncio
from typing import Self
from urllib.parse import urlsplit


class RestConnection:
    """Answers must have a Content-Length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host

    @classmethod
    async def open(cls, url: str) -> Self:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer, parts.netloc)

    async def get(self, path: str, token: str) -> tuple[int, bytes]:
        """Status and body."""
        head = f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._writer.write(head.encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        begin = answer.index(b"content-length:") + len(b"content-length:")
        length = int(answer[begin : answer.index(b"\r\n", begin)])
        return int(answer.split(b" ", 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()
