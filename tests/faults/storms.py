"""Many clients at once: they are cut off in the same moment, and all come back (T143)."""

import asyncio
import time
from typing import Any

import httpx

from tests.faults.client import Device
from tests.faults.history import History
from tests.faults.run import spread
from tests.faults.stack import Stack, World, becomes_true


async def everybody_returns(stack: Stack, world: World, count: int, within: float = 60.0) -> dict[str, Any]:
    """Connect so many, cut them all, wait until all are back; AssertionError when that takes longer.

    They come back with the documented jitter. Meanwhile somebody goes on asking over REST.
    """
    history = History()
    devices = [_device(stack, world, history, number) for number in range(count)]
    tasks = []
    for device in devices:
        tasks.append(asyncio.create_task(device.run()))
        if len(tasks) % 100 == 0:  # a hundred a second, as people come
            await asyncio.sleep(1)
    try:
        await becomes_true(lambda: all(one.connected.is_set() for one in devices), 120, "being connected")
        asking = asyncio.create_task(_ask(stack, world))
        begin = time.monotonic()
        cut = stack.balancer.cut()
        await becomes_true(lambda: all(one.losses for one in devices), 30, "the cut")
        await becomes_true(lambda: all(one.connected.is_set() for one in devices), within, "the return of all")
        took = time.monotonic() - begin
        asking.cancel()
        (answers,) = await asyncio.gather(asking, return_exceptions=False)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert not history.stumbles, history.stumbles[:5]
    assert all(server.process and server.process.poll() is None for server in stack.servers), "a server died"
    back = [one.synced - one.lost for one in history.returns]
    return {"clients": count, "cut": cut, "all_back_s": round(took, 1), "back_p50_p99_s": spread(back)} | answers


def _device(stack: Stack, world: World, history: History, number: int) -> Device:
    person = number % len(world.people)
    device = Device(f"s{number}", world.people[person], world.tokens[person][0], stack.balancer.port, history)
    device.cursors = dict.fromkeys(world.conversations_of(person), 0)
    return device


async def _ask(stack: Stack, world: World) -> dict[str, object]:
    """Ask for a list of conversations ten times a second, until told to stop; how long it took."""
    headers = {"Authorization": f"Bearer {world.tokens[0][0]}"}
    took: list[float] = []
    statuses: dict[int, int] = {}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as rest:
        try:
            while True:
                begin = time.monotonic()
                try:
                    status = (await rest.get("/api/v1/conversations")).status_code
                except httpx.TransportError:  # the connection was among those that were cut
                    await asyncio.sleep(0.1)
                    continue
                statuses[status] = statuses.get(status, 0) + 1
                took.append(time.monotonic() - begin)
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            return {"rest_p50_p99_s": spread(took), "rest_statuses": statuses}
