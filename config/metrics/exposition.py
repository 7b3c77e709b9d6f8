"""The text of Prometheus: what processes have counted, and what is asked of the database."""

from collections.abc import Iterable
from itertools import chain

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from config.metrics.statistics import statistics
from core import reporting


class _Everything(Collector):
    def collect(self) -> Iterable[Metric]:
        return chain(reporting.collected(), statistics.collect())


def exposition() -> bytes:
    """All figures of this moment. Reads files, so not on the event loop."""
    # A registry of its own, without the looks at every metric that registering takes.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return generate_latest(registry)
