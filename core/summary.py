"""All figures of this process on one line of the log: what was counted since the last one, and what is so now."""

import math
import time
from collections.abc import Iterable
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample

from core import measuring

_MS = 1000

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample, and its labels."""


class Summary:
    """Remembers where the last one ended. Belongs to one thread."""

    def __init__(self) -> None:
        self._before: dict[Series, float] = {}
        self._taken_at = time.monotonic()

    def take(self) -> dict[str, Any]:
        """By name, without the prefix: a number, or one for each value of the labels. What is zero is left out.

        Counters: how much was added since. Histograms: how many, their mean, and the upper end of the bucket in which
        95 of 100 lie; of what is measured in seconds, in milliseconds. Gauges: as they are.
        """
        moment = time.monotonic()
        told: dict[str, Any] = {"seconds": round(moment - self._taken_at)}
        self._taken_at = moment
        for family in measuring.registry.collect():
            name = family.name.removeprefix(f"{measuring.PREFIX}_")
            if found := self._told(family):
                told[name] = found.get("", found)
        return told

    def _told(self, family: Metric) -> dict[str, Any]:
        if family.type == "histogram":
            return self._histogram(family)
        if family.type == "gauge":
            return {_labels(sample): sample.value for sample in family.samples if sample.value}
        counted = [sample for sample in family.samples if not sample.name.endswith("_created")]
        return {_labels(sample): by for sample in counted if (by := self._since(sample))}

    def _histogram(self, family: Metric) -> dict[str, Any]:
        scale, unit = (_MS, "_ms") if family.name.endswith("_seconds") else (1, "")
        told: dict[str, Any] = {}
        for labels, samples in _by_labels(family.samples).items():
            since = {
                sample.name.rpartition("_")[2]: self._since(sample) for sample in samples if "le" not in sample.labels
            }
            buckets = [(float(s.labels["le"]), self._since(s)) for s in samples if "le" in s.labels]
            if count := since["count"]:
                p95 = next(le for le, below in buckets if below >= 0.95 * count)
                told[labels] = {
                    "count": count,
                    f"mean{unit}": round(since["sum"] / count * scale, 2),
                    f"p95{unit}": None if math.isinf(p95) else p95 * scale,
                }
        return told

    def _since(self, sample: Sample) -> float:
        series = sample.name, tuple(sample.labels.items())
        since = sample.value - self._before.get(series, 0.0)
        self._before[series] = sample.value
        return since


def _labels(sample: Sample) -> str:
    return " ".join(value for label, value in sample.labels.items() if label != "le")


def _by_labels(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(_labels(sample), []).append(sample)
    return groups
