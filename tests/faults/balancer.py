"""A small TCP balancer: round robin over the ports that answer, and able to cut connections.

Everything runs on one event loop. Like nginx it tries the next port when one refuses.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

_CHUNK = 1 << 16
_OVER = (OSError, asyncio.IncompleteReadError)


class Balancer:
    """`ports` may be changed at any time. `cut_acks` is how many of the next acknowledgements of messages are swallowed
    together with their connections: the server has committed, and nobody is told."""

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self.ports = list(ports)
        self.cut_acks = 0
        self.port = 0
        self._turn = 0
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*(link.task for link in [*self._links]), return_exceptions=True)

    @property
    def connections(self) -> int:
        return len(self._links)

    def cut(self) -> int:
        """Break every connection at once, without a word; returns how many."""
        links = [*self._links]
        for link in links:
            link.cut()
        return len(links)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await self._connect()
        if inner is None:
            writer.transport.abort()
            return
        link = _Link((reader, writer), inner, self._spare)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    async def _connect(self) -> "tuple[asyncio.StreamReader, asyncio.StreamWriter] | None":
        for _ in [*self.ports]:
            self._turn += 1
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self.ports[self._turn % len(self.ports)])
        return None

    def _spare(self, data: bytes) -> bool:
        """Whether these bytes of a server may pass."""
        if self.cut_acks and b'"replyTo"' in data and b'"clientMessageId"' in data:
            self.cut_acks -= 1
            return False
        return True


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """A client and its server."""

    def __init__(self, outer: Ends, inner: Ends, spare: Callable[[bytes], bool]) -> None:
        self._outer, self._inner, self._spare = outer, inner, spare
        current = asyncio.current_task()
        assert current is not None
        self.task: asyncio.Task[None] = current

    async def run(self) -> None:
        """Until one of the two ends it."""
        try:
            await asyncio.gather(
                self._pump(self._outer[0], self._inner[1], lambda _: True),
                self._pump(self._inner[0], self._outer[1], self._spare),
            )
        finally:
            self.cut()

    def cut(self) -> None:
        for _, writer in (self._outer, self._inner):
            writer.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spare: Callable[[bytes], bool]
    ) -> None:
        with suppress(*_OVER):
            while data := await reader.read(_CHUNK):
                if not spare(data):
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        # What was said before the end still arrives, then the other side ends too.
        with suppress(*_OVER):
            writer.close()
