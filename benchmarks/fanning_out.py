"""W2, fan-out: one room, everybody connected, a fixed number of messages in flight.

A message is in flight until it has reached every member; then its successor is sent.
"""

import asyncio
import time
from collections import Counter
from functools import partial

from benchmarks.dialects import PATIENCE, Connection, Delivery, marked, sent_now
from benchmarks.pacing import wait_until
from benchmarks.targets import Meter, Target, Values, close_all, percentiles

_SENDERS = 4
_WARM_UP = 1.5


async def measure_fan_out(target: Target, seconds: float, *, members: int, in_flight: int) -> Values:
    room = _Room(target, members)
    await room.enter()
    values = await room.measure(seconds, in_flight)
    room.leave()
    return values


fan_out_200 = partial(measure_fan_out, members=200, in_flight=16)
fan_out_500 = partial(measure_fan_out, members=500, in_flight=4)


class _Room:
    def __init__(self, target: Target, members: int) -> None:
        self._target = target
        self._conversation, self._members = target.fixture.rooms[members]
        self._connections: list[Connection] = []
        self._still: Counter[int] = Counter()
        self._sent = self._deliveries = 0
        self._latencies: list[int] = []
        self._stopping = False
        self._error: BaseException | None = None

    async def enter(self) -> None:
        self._connections = await self._target.open(self._members, self._delivered)

    def leave(self) -> None:
        close_all(self._connections)

    async def measure(self, seconds: float, in_flight: int) -> Values:
        for _ in range(in_flight):
            self._send()
        await asyncio.sleep(_WARM_UP)
        meter = Meter(self._target.processes)
        self._deliveries, self._latencies = 0, []
        await asyncio.sleep(seconds)
        spent, deliveries, latencies = meter.stop(), self._deliveries, self._latencies
        lost = await self._finish()
        return {
            "deliveries/s": deliveries / spent.seconds,
            **percentiles("delivery", latencies),
            **spent.cpu_per(deliveries, 100_000, "CPU s/100k"),
            "lost": lost,
            **spent.conditions(),
        }

    def _send(self) -> None:
        number, sender = self._sent, self._sent % _SENDERS
        self._sent += 1
        self._still[number] = len(self._members)
        acknowledged = self._connections[sender].send(self._conversation, marked(sent_now(sender, number)))
        acknowledged.add_done_callback(self._acknowledged)

    def _acknowledged(self, future: "asyncio.Future[bytes]") -> None:
        if not future.cancelled():
            self._error = future.exception() or self._error

    def _delivered(self, connection: Connection, message: Delivery) -> None:
        self._deliveries += 1
        self._latencies.append(time.perf_counter_ns() - message.sent_ns)
        self._still[message.number] -= 1
        if not self._still[message.number]:
            del self._still[message.number]
            if not self._stopping:
                self._send()

    async def _finish(self) -> int:
        """Let what is in flight land; how many deliveries are missing. Raises what refused a message."""
        self._stopping = True
        await wait_until(lambda: not self._still or self._error is not None, PATIENCE)
        if self._error is not None:
            raise self._error
        return self._still.total()
