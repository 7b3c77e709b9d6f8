"""Delivery to another process: senders on one server process, recipients on another, at a fixed rate."""

import asyncio
import time
from dataclasses import replace

from benchmarks.dialects import Connection, Delivery
from benchmarks.pacing import send_at_fixed_times, wait_until
from benchmarks.targets import Meter, Target, Values, close_all, percentiles

_PER_SECOND = 200
_PAIRS = 50
_WARM_UP = 1.0
_ARRIVED_WITHIN = 10.0


async def measure_crossing(target: Target, seconds: float, *, other_url: str) -> Values:
    """The senders are connected to `target`, the recipients to the process at `other_url`."""
    pairs, arrived = target.fixture.pairs[:_PAIRS], dict[int, int]()

    def delivered(connection: Connection, message: Delivery) -> None:
        arrived[message.number] = time.perf_counter_ns() - message.sent_ns

    other = replace(target, url=other_url)
    recipients = await other.open([pair.recipient for pair in pairs], delivered)
    senders = await target.open([pair.sender for pair in pairs], lambda *_: None)
    await asyncio.sleep(_WARM_UP)
    meter = Meter(target.processes)
    acks = await send_at_fixed_times(senders, target, seconds, _PER_SECOND)
    spent = meter.stop()
    await wait_until(lambda: len(arrived) == len(acks), _ARRIVED_WITHIN)
    close_all([*senders, *recipients])
    return {
        **percentiles("delivery", [*arrived.values()]),
        **percentiles("ack", acks),
        "lost": len(acks) - len(arrived),
        **spent.conditions(),
    }
