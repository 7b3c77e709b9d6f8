"""W4, history: the newest page of fifty messages, over REST and over a socket, one request after the other per client.

Parley's figures include what it does for each page: it looks at the session and commits an audit entry.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.dialects import Parley
from benchmarks.rest import RestConnection
from benchmarks.targets import HistoryTarget, Meter, Target, Values, percentiles

CLIENTS = 20
_WARM_UP = 1.5
_PAGE = 50

Ask = Callable[[], Coroutine[Any, Any, None]]


async def measure_rest_history(target: Target, seconds: float) -> Values:
    clients = [await RestConnection.open(target.url) for _ in range(CLIENTS)]
    values = await _Readers([_over_rest(target, client) for client in clients]).measure(target, seconds)
    for client in clients:
        client.close()
    return values


async def measure_socket_history(target: Target, seconds: float) -> Values:
    chosen = target.fixture.history[:CLIENTS]
    sockets = await target.open([each.reader for each in chosen], lambda *_: None)
    asks = [_over_socket(socket, each) for socket, each in zip(sockets, chosen, strict=True)]
    values = await _Readers(asks).measure(target, seconds)
    for socket in sockets:
        socket.close()
    return values


def _over_rest(target: Target, client: RestConnection) -> Ask:
    fixture, choose = target.fixture, random.Random(7)  # noqa: S311  the same order for every server

    async def ask() -> None:
        wanted = choose.choice(fixture.history)
        path = fixture.history_path.replace("{conversation}", wanted.conversation)
        status, body = await client.get(path, fixture.users[wanted.reader])
        if status != 200 or body.count(b'"senderId"') < _PAGE:
            raise ValueError(f"{target.name} answered {status}: {body[:200]!r}")

    return ask


def _over_socket(socket: object, wanted: HistoryTarget) -> Ask:
    if not isinstance(socket, Parley):
        raise TypeError("only Parley has history over the socket")

    async def ask() -> None:
        reply = await socket.ask("conversation:messages", {"conversationId": wanted.conversation})
        if reply.count(b'"senderId"') < _PAGE:
            raise ValueError(f"no full page: {reply[:200]!r}")

    return ask


class _Readers:
    def __init__(self, asks: list[Ask]) -> None:
        self._asks = asks
        self._latencies: list[int] = []
        self._stopping = False

    async def measure(self, target: Target, seconds: float) -> Values:
        tasks = [asyncio.create_task(self._read(ask)) for ask in self._asks]
        await asyncio.sleep(_WARM_UP)
        self._latencies = []
        meter = Meter(target.processes)
        await asyncio.sleep(seconds)
        spent, latencies = meter.stop(), self._latencies
        self._stopping = True
        await asyncio.gather(*tasks)
        return {
            "pages/s": len(latencies) / spent.seconds,
            **percentiles("page", latencies),
            **spent.cpu_per(len(latencies), 1000, "CPU ms/page"),
            **spent.conditions(),
        }

    async def _read(self, ask: Ask) -> None:
        while not self._stopping:
            begin = time.perf_counter_ns()
            await ask()
            self._latencies.append(time.perf_counter_ns() - begin)
