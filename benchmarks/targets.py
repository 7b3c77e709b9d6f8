"""A server that is measured, and the people and conversations that are in it.

The fixture is JSON; the numbers of people are places in `users`:

    {"users":   ["<token>", …],
     "pairs":   [["<conversation>", <sender>, <recipient>], …],                     two people each, every person once
     "rooms":   {"200": ["<conversation>", [<member>, …]], "500": …},
     "history": {"path": "/api/…/{conversation}/messages", "targets": [["<conversation>", <reader>], …]}}
"""

import asyncio
import json
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.dialects import Connection, Delivery
from benchmarks.processes import CpuTimes, Machine

_SETTLE = 0.5

Values = dict[str, float]
"""What one run of a workload measured, by the names that the report shows."""

Delivered = Callable[[Connection, Delivery], None]


class Pair(NamedTuple):
    conversation: str
    sender: int
    recipient: int


class Room(NamedTuple):
    conversation: str
    members: list[int]


class HistoryTarget(NamedTuple):
    conversation: str
    reader: int


@dataclass(frozen=True)
class Fixture:
    users: list[str] = field(repr=False)
    pairs: list[Pair]
    rooms: dict[int, Room]
    history_path: str
    history: list[HistoryTarget]

    @classmethod
    def read(cls, path: Path) -> Self:
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(
            users=raw["users"],
            pairs=[Pair(*each) for each in raw["pairs"]],
            rooms={int(size): Room(*each) for size, each in raw["rooms"].items()},
            history_path=raw["history"]["path"],
            history=[HistoryTarget(*each) for each in raw["history"]["targets"]],
        )


@dataclass(frozen=True)
class Target:
    """`processes` names the roots of the process trees whose CPU time counts; "server" is among them."""

    name: str
    url: str
    dialect: type[Connection]
    fixture: Fixture
    processes: Mapping[str, int]

    async def open(self, users: Sequence[int], delivered: Delivered, *, at_once: int = 32) -> list[Connection]:
        """A signed-in socket for each of these people, in their order; its `place` is its index."""
        waiting = iter([*enumerate(users)])
        opened: list[Connection | None] = [None] * len(users)

        async def open_some() -> None:
            for place, user in waiting:
                connection = self.dialect(self.url, self.fixture.users[user], delivered)
                await connection.open()
                connection.place = place
                opened[place] = connection

        await asyncio.gather(*(open_some() for _ in range(at_once)))
        # Some servers let a socket hear of its conversations a moment after they have let it in.
        await asyncio.sleep(_SETTLE)
        return [connection for connection in opened if connection is not None]


def close_all(connections: Iterable[Connection]) -> None:
    for connection in connections:
        connection.close()


class Meter:
    """Measures from its making to `stop`: wall time, CPU time of the servers and of the generator, steal."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._cpu, self._machine = CpuTimes(processes), Machine()
        self._own, self._begin = _own_cpu(), time.monotonic()

    def stop(self) -> "Spent":
        seconds, cpu, own = time.monotonic() - self._begin, self._cpu.seconds(), _own_cpu() - self._own
        elsewhere = self._machine.elsewhere(sum(cpu.values()) + own)
        return Spent(seconds, cpu, own / seconds, self._machine.stolen(), elsewhere)


class Spent(NamedTuple):
    """`cpu` in seconds by process tree; `generator` is the share of one core that the generator took, `elsewhere` the
    share of the machine that programs took which have nothing to do with the measurement."""

    seconds: float
    cpu: dict[str, float]
    generator: float
    steal: float
    elsewhere: float

    def conditions(self) -> Values:
        """Under which the figures came about; the report uses them to tell what they are worth."""
        return {"generator CPU": self.generator, "steal": self.steal, "elsewhere": self.elsewhere}

    def cpu_per(self, count: float, unit: float, label: str) -> Values:
        """CPU seconds per `unit` of `count` things, for each process tree and in all."""
        each = {f"{name} {label}": spent / max(count, 1) * unit for name, spent in self.cpu.items()}
        return each | {f"total {label}": sum(each.values())}


def percentile(samples_ns: Sequence[int], share: float) -> float:
    """In milliseconds; not a number when there are no samples."""
    if not samples_ns:
        return float("nan")
    return sorted(samples_ns)[min(len(samples_ns) - 1, int(len(samples_ns) * share))] / 1e6


def percentiles(name: str, samples_ns: Sequence[int]) -> Values:
    return {f"{name} p50 ms": percentile(samples_ns, 0.5), f"{name} p99 ms": percentile(samples_ns, 0.99)}


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
