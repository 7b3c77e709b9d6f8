"""A run: people talk, things are broken, everything heals, and what is there at the end is loaded fresh."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.checker import Minima, check, vacuity
from tests.faults.client import Device
from tests.faults.history import Fault, Final, History, Outcome, Revocation, Send
from tests.faults.loading import load
from tests.faults.stack import Stack, World, becomes_true

WORDS = ("patient", "visit", "K<3.5 and Na>145", "dose", "ward", "note & plan", "stable", "review")
TOO_LONG = "x" * 6000
IN_SYNC_WITHIN = 60.0


class Run:
    """`people` talk on `devices`; `broken` writes down a fault; `finish` waits for quiet and loads the end."""

    def __init__(
        self,
        stack: Stack,
        world: World,
        *,
        devices: int = 2,
        pause: float = 0.02,
        port: int | None = None,
        seed: int = 7,
    ) -> None:
        self.stack, self.world, self.pause = stack, world, pause
        self._port = port or stack.balancer.port
        self.history = History()
        self.random = random.Random(seed)  # noqa: S311  the same choices each time
        self.devices = [self._device(number, place) for number in range(len(world.people)) for place in range(devices)]
        # One more device of everybody, of a session of its own that may be ended at some time.
        self.leaving = [self._device(number, devices) for number in range(len(world.people))]
        self.talking = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def _device(self, number: int, place: int) -> Device:
        tokens = self.world.tokens[number]
        token = tokens[min(place, len(tokens) - 1)]
        device = Device(f"d{number}.{place}", self.world.people[number], token, self._port, self.history)
        device.cursors = dict.fromkeys(self.conversations_of(number), 0)
        return device

    def conversations_of(self, number: int) -> list[str]:
        return self.world.conversations_of(number)

    @property
    def acknowledged(self) -> int:
        return sum(send.outcome == Outcome.OK for send in self.history.sends)

    @property
    def in_flight(self) -> int:
        return sum(device.sending for device in self.devices)

    # ---- Talking ------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Connect everybody, and let them talk."""
        self._tasks += [asyncio.create_task(device.run()) for device in self.devices]
        await self.all_connected()
        self.talking.set()
        self._tasks += [asyncio.create_task(self._talk(device)) for device in self.devices]

    async def all_connected(self, within: float = IN_SYNC_WITHIN) -> None:
        await becomes_true(lambda: all(device.connected.is_set() for device in self.devices), within, "being connected")

    async def _talk(self, device: Device) -> None:
        conversations = [*device.cursors]
        while True:
            await self.talking.wait()
            await asyncio.sleep(self.random.uniform(0, 2 * self.pause))
            chance = self.random.random()
            conversation = self.random.choice(conversations)
            if chance < 0.01:
                await device.send(conversation, TOO_LONG)
            elif chance < 0.03:
                await device.read(conversation)
            else:
                await device.send(conversation, " ".join(self.random.choices(WORDS, k=6)))

    async def log_out(self, limit: float = 1.0) -> None:
        """End the session of the next device that is there for it: within so many seconds it hears nothing more."""
        device = self.leaving.pop()
        # As if it had been here before: without an epoch it would hear what is said before it could ask for the rest.
        device.epoch = self.devices[0].epoch
        task = asyncio.create_task(device.run())
        self._tasks.append(task)
        await becomes_true(device.connected.is_set, IN_SYNC_WITHIN, "being connected")
        headers = {"Authorization": f"Bearer {device.token}"}
        async with httpx.AsyncClient(base_url=self.stack.url, headers=headers, timeout=30, trust_env=False) as rest:
            (await rest.post("/api/v1/auth/logout")).raise_for_status()
        self.history.revocations.append(Revocation(device.name, time.monotonic(), limit))
        await becomes_true(task.done, limit + 20, "the end of a session")
        if device.closed_with != 4410:
            self.history.stumbles.append(f"{device.name} was closed with {device.closed_with} instead of 4410")

    async def talk_until(self, count: int, within: float = 600.0) -> None:
        """Wait until so many more messages have been acknowledged."""
        goal = self.acknowledged + count
        await becomes_true(lambda: self.acknowledged >= goal, within, f"{goal} acknowledged messages")

    @asynccontextmanager
    async def broken(self, name: str) -> AsyncIterator[None]:
        """Around what breaks something and mends it: writes down what it hit."""
        await self.all_connected()
        # Something is nearly always under way; a fault between two sends would prove less.
        await becomes_true(lambda: not self.talking.is_set() or self.in_flight > 0, 5, "a send in flight")
        at, in_flight, losses = time.monotonic(), self.in_flight, self._losses()
        yield
        broken = self._losses() - losses
        self.history.faults.append(Fault(name, at, time.monotonic(), in_flight, broken))

    def _losses(self) -> int:
        return sum(device.losses for device in self.devices)

    # ---- The end ------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Nobody talks, all are connected, and every device was brought everything: what it had to ask for the server
        still owes it."""
        self.talking.clear()
        await becomes_true(lambda: not self.in_flight and not self._unanswered(), IN_SYNC_WITHIN, "every answer")
        await self.all_connected()
        heads = await self._heads()
        await becomes_true(lambda: not self._behind(heads), IN_SYNC_WITHIN, "being in sync")

    def _unanswered(self) -> bool:
        return any(send.ended is None for send in self.history.sends)

    def _behind(self, heads: dict[str, int]) -> list[str]:
        return [
            device.name
            for device in self.devices
            if any(device.brought(conversation) < heads[conversation] for conversation in device.cursors)
        ]

    async def _heads(self) -> dict[str, int]:
        rows = await asyncio.to_thread(self.stack.ask_database, "SELECT id::text, head_seq FROM realtime_stream")
        return {str(name): int(head) for name, head in rows}

    async def finish(self) -> "Result":
        """Heal, wait for quiet, load everything fresh, and check."""
        problems: list[str] = []
        try:
            await self.quiet()
        except AssertionError as problem:
            problems.append(f"{problem}; behind: {self._behind(await self._heads())[:5]}")
        final = await load(self.stack, self.world, [*self.devices])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return Result(self.history, final, problems, self.stack.complaints())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


# ---- What came of it --------------------------------------------------------------------------------------------


@dataclass
class Result:
    """Of one run; `violations` is empty when every promise was kept."""

    history: History
    final: Final
    problems: list[str]
    complaints: list[str]
    verdicts: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.verdicts = check(self.history, self.final)

    @property
    def violations(self) -> list[str]:
        broken = [f"{rule}: {what}" for rule, all_of_it in self.verdicts.items() for what in all_of_it]
        return broken + self.problems + self.complaints

    def void(self, minima: Minima) -> list[str]:
        return list(vacuity(self.history, minima))

    def numbers(self) -> dict[str, Any]:
        """What the report shows."""
        sends, returns = self.history.sends, self.history.returns
        heard = [one for all_heard in self.history.heard.values() for one in all_heard]
        acknowledged = [send for send in sends if send.outcome == Outcome.OK and send.ended is not None]
        plain = [(send.ended or 0) - send.invoked for send in acknowledged if not send.unknown and not send.refusals]
        return {
            "acknowledged": len(acknowledged),
            "refused_for_good": sum(send.outcome == Outcome.FAIL for send in sends),
            "never_known": sum(send.outcome == Outcome.INFO for send in sends),
            "unknown_and_repeated": sum(send.unknown for send in sends),
            "told_later": dict(Counter(code for send in sends for code in send.refusals)),
            "delivered": len(heard),
            "returns": len(returns),
            "replayed": sum(one.replayed for one in returns),
            "sessions_ended": len(self.history.revocations),
            "gaps_filled": self.history.gaps_filled,
            "resyncs": self.history.resyncs,
            "ack_p50_p99_s": spread(plain),
            "delivery_p50_p99_s": spread([one.delay for one in heard if one.live]),
            "in_sync_p50_p99_s": spread([one.synced - one.lost for one in returns]),
        }


def spread(values: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, rounded to milliseconds; zeros for nothing."""
    if not values:
        return 0.0, 0.0
    ordered = sorted(values)
    return tuple(round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 3) for part in (0.5, 0.99))  # type: ignore[return-value]  # two of them


def during(history: History, name: str) -> dict[str, Any]:
    """What happened while a thing was broken, over all times it was."""
    times = [fault for fault in history.faults if fault.name == name]

    def within(at: float) -> bool:
        return any(fault.at <= at <= fault.until for fault in times)

    def under_way(send: Send) -> bool:
        return any(send.invoked <= fault.until and (send.ended or fault.at) >= fault.at for fault in times)

    sends = [send for send in history.sends if under_way(send)]
    acknowledged = [send for send in sends if send.outcome == Outcome.OK and send.ended is not None]
    heard = [one for all_heard in history.heard.values() for one in all_heard if one.live and within(one.at)]
    returns = [one for one in history.returns if within(one.lost)]
    return {
        "times": len(times),
        "seconds": round(sum(fault.until - fault.at for fault in times), 1),
        "in_flight": sum(fault.in_flight for fault in times),
        "connections": sum(fault.connections for fault in times),
        "acknowledged": len(acknowledged),
        "unknown": sum(send.unknown > 0 for send in sends),
        "told_later": sum(len(send.refusals) for send in sends),
        "ack_p50_p99_s": spread([(send.ended or 0) - send.invoked for send in acknowledged]),
        "delivery_p50_p99_s": spread([one.delay for one in heard]),
        "in_sync_p50_p99_s": spread([one.synced - one.lost for one in returns]),
    }
