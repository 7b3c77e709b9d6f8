"""Sending by a clock, and waiting for what was sent.

Times count from when a message was due: a generator or server that is late is not excused.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from benchmarks.dialects import Connection, Delivery, marked
from benchmarks.targets import Target


async def send_at_fixed_times(
    senders: Sequence[Connection], target: Target, seconds: float, per_second: int
) -> list[int]:
    """The senders take turns, each in its own pair's conversation; nanoseconds from due to acknowledged."""
    begin, tasks = time.perf_counter_ns(), []
    for number in range(int(seconds * per_second)):
        due = begin + int(number / per_second * 1e9)
        await asyncio.sleep(max(0.0, (due - time.perf_counter_ns()) / 1e9))
        sender = senders[number % len(senders)]
        conversation = target.fixture.pairs[sender.place].conversation
        tasks.append(asyncio.create_task(_send(sender, conversation, Delivery(sender.place, number, due))))
    return await asyncio.gather(*tasks)


async def wait_until(done: Callable[[], bool], seconds: float) -> None:
    """Returns when it is true, or when the time is over."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:  # noqa: ASYNC110  an event would have to be set in the hot path
        await asyncio.sleep(0.05)


async def _send(sender: Connection, conversation: str, message: Delivery) -> int:
    await sender.send(conversation, marked(message))
    return time.perf_counter_ns() - message.sent_ns
