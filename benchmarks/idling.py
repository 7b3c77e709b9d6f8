"""W3, idle: what a signed-in socket that does nothing costs in memory, and whether messages still flow beside many.

The cost is a slope: memory at each step less memory at the first sockets, so that what the server loads once, with its
first client, is not counted as a socket's.
"""

import asyncio
import time

from benchmarks.dialects import Connection, Delivery
from benchmarks.pacing import send_at_fixed_times
from benchmarks.processes import Memory, memory_of
from benchmarks.targets import Meter, Target, Values, close_all, percentile

_FIRST = 200
_STEPS = (3000, 5000, 10_000)
_SETTLE = 3.0
_PER_SECOND = 50


async def measure_idle(target: Target, seconds: float) -> Values:
    idle, values = _Idle(target), Values()
    await idle.grow(_FIRST)
    begin = await idle.memory()
    for step in _STEPS:
        opened_per_second = await idle.grow(step)
        values |= _slope(step, begin, await idle.memory()) | {f"opened/s up to {step}": opened_per_second}
    values |= await idle.flow(seconds) | {"sockets alive at the end": idle.alive()}
    idle.close()
    return values


def _slope(step: int, begin: Memory, now: Memory) -> Values:
    return {
        f"RSS KiB/socket at {step}": (now.rss - begin.rss) / (step - _FIRST),
        f"PSS KiB/socket at {step}": (now.pss - begin.pss) / (step - _FIRST),
    }


class _Idle:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: list[Connection] = []
        self._deliveries: list[int] = []

    async def grow(self, wanted: int) -> float:
        """Open sockets until there are so many; how many a second came."""
        begin, missing = time.monotonic(), wanted - len(self._connections)
        people = len(self._target.fixture.users)
        users = [(len(self._connections) + number) % people for number in range(missing)]
        self._connections += await self._target.open(users, self._delivered, at_once=64)
        return missing / (time.monotonic() - begin)

    async def memory(self) -> Memory:
        await asyncio.sleep(_SETTLE)
        return memory_of(self._target.processes["server"])

    async def flow(self, seconds: float) -> Values:
        """Messages at fixed times, from a few more sockets, to people who are connected among all the others."""
        pairs = self._target.fixture.pairs[:_PER_SECOND]
        senders = await self._target.open([pair.sender for pair in pairs], lambda *_: None)
        meter = Meter(self._target.processes)
        acks = await send_at_fixed_times(senders, self._target, seconds, _PER_SECOND)
        spent = meter.stop()
        close_all(senders)
        return {
            f"ack p99 ms at {_PER_SECOND}/s": percentile(acks, 0.99),
            f"delivery p99 ms at {_PER_SECOND}/s": percentile(self._deliveries, 0.99),
            f"server cores busy at {_PER_SECOND}/s": spent.cpu["server"] / spent.seconds,
            **spent.conditions(),
        }

    def alive(self) -> int:
        return sum(connection.alive for connection in self._connections)

    def close(self) -> None:
        close_all(self._connections)

    def _delivered(self, connection: Connection, message: Delivery) -> None:
        self._deliveries.append(time.perf_counter_ns() - message.sent_ns)
