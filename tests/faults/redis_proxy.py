"""A proxy before Redis that understands what is asked of it (RESP arrays of bulk strings), and loses pokes on request.

A PUBLISH that is to be lost goes to a channel that nobody hears, so that its answer still comes in its place.
"""

import asyncio
from contextlib import suppress

_CHUNK = 1 << 16
_NOWHERE = b"lost"


class RedisProxy:
    """`drop_every=3` loses every third poke; `silent` takes everything and passes nothing on; `refusing` ends every new
    connection."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.port = 0
        self.drop_every = 0
        self.silent = self.refusing = False
        self.published = self.dropped = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection."""
        for writer in [*self._writers]:
            writer.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, inner}
        self._writers |= both
        try:
            await asyncio.gather(self._ask(reader, inner), self._answer(inner_reader, writer))
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, inner: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                command = await _command(reader)
                if not self.silent:
                    inner.write(_encoded(self._passed(command)))
                    await inner.drain()
        inner.close()

    async def _answer(self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await inner.read(_CHUNK):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        writer.close()

    def _passed(self, command: list[bytes]) -> list[bytes]:
        if command[0].upper() != b"PUBLISH":
            return command
        self.published += 1
        if not self.drop_every or self.published % self.drop_every:
            return command
        self.dropped += 1
        return [command[0], _NOWHERE, *command[2:]]


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    """The next command; raises IncompleteReadError at the end of the stream."""
    count = int((await reader.readuntil(b"\r\n"))[1:])
    parts = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        parts.append((await reader.readexactly(size + 2))[:-2])
    return parts


def _encoded(command: list[bytes]) -> bytes:
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in command)
    return b"*%d\r\n%s" % (len(command), parts)
