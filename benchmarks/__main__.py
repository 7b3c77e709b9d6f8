"""`make bench`: measure, then write docs/benchmarks.md and its chart.

    make bench                          one round of everything
    make bench ROUNDS=5 ONLY=W1,W2      five rounds of two workloads; the others keep their figures
    make bench ONLY=REPORT              only write the report again

With PEER_URL (see `settings`) each workload is measured on a second server right after, or in every other round right
before, it is measured on this one.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvloop

from benchmarks import report, results
from benchmarks.crossing import measure_crossing
from benchmarks.dialects import Parley
from benchmarks.processes import keep_on
from benchmarks.results import Measured
from benchmarks.settings import Options
from benchmarks.stack import ROOT, Serving, Stack
from benchmarks.targets import Fixture, Target, Values
from benchmarks.workloads import WORKLOADS, Measure, On, Workload


def main() -> None:
    # Told to stop, it ends the servers that it has started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = Options.read(os.environ)
    os.sched_setaffinity(0, options.placement.others)
    chosen = [each for each in WORKLOADS if not options.only or each.family in options.only]
    if chosen:
        measured = results.load() | Bench(options).measure(chosen)
        results.store(measured)
    report.write(results.load())


class Bench:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._stacks: dict[bool, Stack] = {}

    def measure(self, chosen: list[Workload]) -> dict[str, Measured]:
        """All rounds of these workloads, on servers that end before this returns."""
        found = {workload.key: self._empty(workload) for workload in chosen}
        logs = results.FILE.parent
        logs.mkdir(parents=True, exist_ok=True)
        with ExitStack() as running:
            for embedded in {workload.on is On.EMBEDDED for workload in chosen}:
                stack = running.enter_context(Stack(logs, self._options.placement.server))
                _say("setting up " + ("SQLite" if embedded else "PostgreSQL and Redis"))
                stack.set_up_embedded() if embedded else stack.set_up()
                self._stacks[embedded] = stack
            self._place_peer()
            for number in range(self._options.rounds):
                for workload in chosen:
                    if not (workload.once and number):
                        self._round(workload, found[workload.key], peer_first=bool(number % 2))
        return found

    def _empty(self, workload: Workload) -> Measured:
        peer = self._options.peer if workload.with_peer else None
        return Measured(
            when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            commit=_commit(),
            placement=self._options.placement.sentence,
            seconds=self._options.seconds,
            peer_name=peer.name if peer else "",
            peer_told=self._options.peer_told if peer else "",
        )

    def _place_peer(self) -> None:
        peer, placement = self._options.peer, self._options.placement
        for name, root in peer.processes.items() if peer else ():
            keep_on(root, placement.server if name == "server" else placement.others)

    def _round(self, workload: Workload, measured: Measured, *, peer_first: bool) -> None:
        turns = [partial(self._run_ours, workload, measured), partial(self._run_peer, workload, measured)]
        for turn in reversed(turns) if peer_first else turns:
            turn()

    def _run_ours(self, workload: Workload, measured: Measured) -> None:
        with self._target(workload) as (target, measure):
            measured.ours.append(self._run(workload, measure, target))

    def _run_peer(self, workload: Workload, measured: Measured) -> None:
        if self._options.peer is not None and workload.with_peer and workload.measure is not None:
            measured.peer.append(self._run(workload, workload.measure, self._options.peer))

    @contextmanager
    def _target(self, workload: Workload) -> Iterator[tuple[Target, Measure]]:
        """Parley, freshly started, as the workload wants it."""
        stack = self._stacks[workload.on is On.EMBEDDED]
        fixture = Fixture.read(stack.fixture)
        with stack.serving(processes=2 if workload.on is On.TWO else 1) as servers:
            yield _parley(servers[0], fixture), workload.measure or partial(measure_crossing, other_url=servers[1].url)

    def _run(self, workload: Workload, measure: Measure, target: Target) -> Values:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            values: Values = runner.run(measure(target, self._options.seconds))
        shown = ", ".join(f"{name} {number:.4g}" for name, number in values.items())
        _say(f"{workload.title}, {target.name}: {shown}")
        return values


def _parley(serving: Serving, fixture: Fixture) -> Target:
    return Target("Parley", serving.url, Parley, fixture, serving.processes)


def _commit() -> str:
    """Which state of the code was measured; empty outside a clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
    return done.stdout.strip()


def _say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    main()
