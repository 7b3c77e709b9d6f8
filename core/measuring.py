"""Figures about the running process, by prometheus-client: what happened how often, how long it took, how much waits.

    _sent = measuring.counter("pokes_sent", "Pokes that Redis took.")
    _seconds = measuring.histogram("job_seconds", "How long runs of jobs took.", "job")
    _deliveries = measuring.tally("deliveries", "Durable events written to sockets.")
    measuring.gauge("connections_active", "Sockets that are open.", lambda: len(hub.sockets))

    _sent.inc()            _seconds.observe(0.2, job.name)            _deliveries.n += 256

Values of labels come from what the code declares (events, error codes, jobs, kinds, close codes), never from what
somebody sent: no id, name, path or text can become one, and their number is bounded. Everything is counted in the
memory of the process. `core.figures` adds several processes up; nothing here waits for a disk.
"""

from collections.abc import Callable, Iterable, Mapping

import prometheus_client
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

PREFIX = "parley"

registry = CollectorRegistry()
"""What this process has counted. Not the library's own registry, which tells of the machine and of Python as well."""

LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""

LONG = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds, for work in the background and for files."""

SIZES = (1, 2, 5, 10, 20, 50, 100, 200)
"""How many at once."""

OTHER = "other"
"""Stands for every name that nobody declared."""

together: dict[str, str] = {}
"""How the values of a gauge in several processes become one: prometheus-client's `livesum` or `livemax`."""


class Counter:
    """How often something happened. Thread-safe; 0.5 µs."""

    def __init__(self, name: str, help_: str, labels: tuple[str, ...]) -> None:
        self._metric = prometheus_client.Counter(name, help_, labels, namespace=PREFIX, registry=registry)
        # Finding the child of some values costs the library four times as much as counting with it.
        self._children: dict[tuple[str, ...], prometheus_client.Counter] = {}

    def inc(self, *values: str, by: float = 1) -> None:
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values) if values else self._metric
        child.inc(by)


class Histogram:
    """How long something took, or how much it was. Thread-safe; 1 µs."""

    def __init__(self, name: str, help_: str, labels: tuple[str, ...], buckets: Iterable[float]) -> None:
        self._metric = prometheus_client.Histogram(
            name, help_, labels, namespace=PREFIX, registry=registry, buckets=tuple(buckets)
        )
        self._children: dict[tuple[str, ...], prometheus_client.Histogram] = {}

    def observe(self, amount: float, *values: str) -> None:
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values) if values else self._metric
        child.observe(amount)


class Tally(Collector):
    """A counter for what happens a hundred thousand times a second: a plain number, 0.05 µs. Only one thread may count,
    the event loop."""

    __slots__ = ("_help", "_name", "n")

    def __init__(self, name: str, help_: str) -> None:
        self._name, self._help = f"{PREFIX}_{name}", help_
        self.n = 0
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return [CounterMetricFamily(self._name, self._help)]

    def collect(self) -> Iterable[Metric]:
        return [CounterMetricFamily(self._name, self._help, value=self.n)]


class _Gauge(Collector):
    def __init__(self, name: str, help_: str, read: "Read", label: str) -> None:
        self._name, self._help, self._read, self._label = f"{PREFIX}_{name}", help_, read, label
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily(self._name, self._help)]

    def collect(self) -> Iterable[Metric]:
        found = self._read()
        if not isinstance(found, Mapping):
            return [GaugeMetricFamily(self._name, self._help, value=found)]
        return [labelled(self._name, self._help, self._label, found)]


Read = Callable[[], float | Mapping[str, float]]
"""Reads a gauge, from any thread. By the values of its label, if it has one."""


def labelled(name: str, help_: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """A gauge with one label, as it is read now; `name` with its prefix."""
    family = GaugeMetricFamily(name, help_, labels=[label])
    for value, amount in values.items():
        family.add_metric([value], amount)
    return family


def counter(name: str, help_: str, *labels: str) -> Counter:
    """Declare a counter; its name gets a prefix and `_total`. Raises ValueError when it is declared twice."""
    return Counter(name, help_, labels)


def histogram(name: str, help_: str, *labels: str, buckets: Iterable[float] = LATENCIES) -> Histogram:
    """Declare a histogram. Raises ValueError when it is declared twice."""
    return Histogram(name, help_, labels, buckets)


def tally(name: str, help_: str) -> Tally:
    """Declare a counter for the event loop alone. Raises ValueError when it is declared twice."""
    return Tally(name, help_)


def gauge(name: str, help_: str, read: Read, *, label: str = "", largest: bool = False) -> None:
    """Declare something that is read when somebody looks. Of several processes the sum counts, or the largest value.

    Raises ValueError when it is declared twice.
    """
    together[f"{PREFIX}_{name}"] = "livemax" if largest else "livesum"
    _Gauge(name, help_, read, label)
