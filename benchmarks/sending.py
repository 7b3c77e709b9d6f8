"""W1, send: each sender in a conversation of two, the next message as soon as the last is acknowledged.

The recipients are connected. What was acknowledged and does not arrive makes the run void.
"""

import asyncio
import time

from benchmarks.dialects import Connection, Delivery, marked, sent_now
from benchmarks.pacing import wait_until
from benchmarks.targets import Meter, Pair, Target, Values, close_all, percentiles

SENDERS = 100
_WARM_UP = 2.0
_ARRIVED_WITHIN = 10.0


async def measure_sending(target: Target, seconds: float) -> Values:
    return await _Senders(target, target.fixture.pairs[:SENDERS]).measure(seconds)


class _Senders:
    def __init__(self, target: Target, pairs: list[Pair]) -> None:
        if len(pairs) < SENDERS:
            raise ValueError(f"the fixture of {target.name} has fewer than {SENDERS} pairs")
        self._target, self._pairs = target, pairs
        self._acknowledged = [0] * len(pairs)
        self._arrived: list[set[int]] = [set() for _ in pairs]
        self._ack_ns: list[int] = []
        self._delivery_ns: list[int] = []
        self._recording = self._stopping = False

    async def measure(self, seconds: float) -> Values:
        recipients = await self._target.open([pair.recipient for pair in self._pairs], self._delivered)
        senders = await self._target.open([pair.sender for pair in self._pairs], lambda *_: None)
        tasks = [asyncio.create_task(self._send(connection)) for connection in senders]
        await asyncio.sleep(_WARM_UP)
        before, meter = sum(self._acknowledged), Meter(self._target.processes)
        self._recording = True
        await asyncio.sleep(seconds)
        self._recording = False
        spent, acknowledged = meter.stop(), sum(self._acknowledged) - before
        self._stopping = True
        await asyncio.gather(*tasks)
        await wait_until(lambda: not self._missing(), _ARRIVED_WITHIN)
        close_all([*senders, *recipients])
        return {
            "acknowledged/s": acknowledged / spent.seconds,
            **percentiles("ack", self._ack_ns),
            **percentiles("delivery", self._delivery_ns),
            **spent.cpu_per(acknowledged, 1000, "CPU s/1000"),
            "lost": self._missing(),
            **spent.conditions(),
        }

    async def _send(self, connection: Connection) -> None:
        place = connection.place
        conversation = self._pairs[place].conversation
        while not self._stopping:
            message = sent_now(place, self._acknowledged[place])
            await connection.send(conversation, marked(message))
            self._acknowledged[place] += 1
            if self._recording:
                self._ack_ns.append(time.perf_counter_ns() - message.sent_ns)

    def _delivered(self, connection: Connection, message: Delivery) -> None:
        self._arrived[message.sender].add(message.number)
        if self._recording:
            self._delivery_ns.append(time.perf_counter_ns() - message.sent_ns)

    def _missing(self) -> int:
        """How many acknowledged messages have not arrived."""
        return sum(self._acknowledged) - sum(map(len, self._arrived))
