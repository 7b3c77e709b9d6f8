"""What was measured, kept as JSON under .cache so that the report can be made again and grows workload by workload."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.targets import Values

FILE = Path(".cache/benchmarks/results.json")

BUSY_GENERATOR = 0.85
"""The share of a core above which the generator may have been the limit."""

STOLEN = 0.05
"""The share of the machine's time that, taken away by the hypervisor, makes a run worthless."""


DISTURBED = 0.1
"""The share of the machine that other programs may take before the report says so."""

_CONDITIONS = {"generator CPU", "steal", "elsewhere"}


class Spread(NamedTuple):
    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: list[float]) -> "Spread":
        return cls(median(numbers), min(numbers), max(numbers))


@dataclass
class Measured:
    """All rounds of one workload. Runs of one round stand at the same place of both lists."""

    when: str
    commit: str
    placement: str
    seconds: float
    ours: list[Values] = field(default_factory=list)
    peer: list[Values] = field(default_factory=list)
    peer_name: str = ""
    peer_told: str = ""

    def names(self) -> list[str]:
        return [name for name in self.ours[0] if name not in _CONDITIONS]

    def spread(self, name: str) -> Spread:
        return Spread.of([run[name] for run in self.ours])

    def peer_spread(self, name: str) -> Spread | None:
        numbers = [run[name] for run in self.peer if name in run]
        return Spread.of(numbers) if numbers else None

    def ratio(self, name: str) -> float | None:
        """Ours by the peer's: the median over the rounds of the ratio within each."""
        pairs = [(ours[name], peer[name]) for ours, peer in zip(self.ours, self.peer, strict=False) if name in peer]
        ratios = [ours / peer for ours, peer in pairs if peer and math.isfinite(peer)]
        return median(ratios) if ratios else None

    def disturbance(self) -> float:
        """The share of the machine that other programs took: the median over all runs."""
        return median([run.get("elsewhere", 0.0) for run in [*self.ours, *self.peer]])

    def doubts(self) -> list[str]:
        """Why these figures are void, if they are."""
        found = []
        for whose, runs in (("", self.ours), (f"{self.peer_name}: ", self.peer)):
            for number, run in enumerate(runs, 1):
                found += [f"{whose}round {number}: {doubt}" for doubt in _doubts(run)]
        return found


def _doubts(run: Values) -> list[str]:
    found = []
    if run["generator CPU"] > BUSY_GENERATOR:
        found.append(f"the generator took {run['generator CPU']:.0%} of a core and may have been the limit")
    if run["steal"] > STOLEN:
        found.append(f"the hypervisor gave {run['steal']:.0%} of the machine to others")
    if run.get("lost"):
        found.append(f"{run['lost']:.0f} messages or deliveries did not arrive")
    return found


def load() -> dict[str, Measured]:
    if not FILE.exists():
        return {}
    raw: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    return {key: Measured(**values) for key, values in raw.items()}


def store(results: dict[str, Measured]) -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps({key: asdict(measured) for key, measured in results.items()}, indent=1))
