"""`make faults`: the long run. Prints what happened, and writes it to docs/faults.md and .cache/faults/result.json.

Ends with 1 when a promise was broken or the run is void.
"""

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.deploy.proxy import proxy
from tests.faults import breaking, report
from tests.faults.checker import Minima
from tests.faults.run import Result, Run, during
from tests.faults.stack import ROOT, Stack, stacked
from tests.faults.storms import everybody_returns

SCALE = float(os.environ.get("SCALE", "1"))
"""Of the numbers of messages and clients; below 1 the result is for trying this file out."""

KILLS = max(3, int(20 * SCALE))
LONG_ENOUGH = Minima(
    acknowledged=int(20_000 * SCALE), unknown=int(50 * SCALE), returns=int(200 * SCALE), hits=KILLS, refused=1
)
CROSSING = int(10_000 * SCALE)
STORM = int(2_000 * SCALE)

Part = Callable[[], Coroutine[Any, Any, "Outcome"]]


@dataclass
class Outcome:
    """Of one part of the long run."""

    title: str
    violations: list[str]
    numbers: dict[str, Any]
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: dict[str, bool] = field(default_factory=dict)
    """What must hold beyond the checker, in words, and whether it did."""

    @property
    def holds(self) -> bool:
        return not self.violations and all(self.claims.values())


def outcome_of(title: str, result: Result, claims: dict[str, bool]) -> Outcome:
    names = dict.fromkeys(fault.name for fault in result.history.faults)
    if result.violations:
        result.history.write(_folder() / f"{title.split()[0].lower()}.jsonl")
    faults = {name: during(result.history, name) for name in names}
    return Outcome(title, result.violations, result.numbers(), faults, claims)


# ---- The parts --------------------------------------------------------------------------------------------------


async def all_faults() -> Outcome:
    """Every fault, again and again, until enough was acknowledged."""
    async with stacked() as stack:
        run = Run(stack, stack.seed(12, 6), pause=0.08)
        try:
            await run.begin()
            await _break_everything(run)
            result = await run.finish()
        finally:
            await run.stop()
    void = result.void(LONG_ENOUGH)
    in_sync = during(result.history, "worker killed")["in_sync_p50_p99_s"][1]
    claims = {
        f"the run is not void ({'; '.join(void) or 'every minimum reached'})": not void,
        f"in sync after a worker was killed: p99 {in_sync} s, at most 5 s": in_sync <= 5,
    }
    return outcome_of("Every fault", result, claims)


async def _break_everything(run: Run) -> None:
    once: tuple[breaking.Breaking, ...] = (
        breaking.somebody_does_not_read,
        breaking.somebody_logs_out_without_redis,
        partial(breaking.redis_is_frozen, seconds=30 * SCALE),
    )
    for fault in once:
        await _one(run, fault)
    for number in range(KILLS):
        await _one(run, partial(breaking.a_worker_is_killed, which=number % 2))
        for fault in _ROUNDS[number % len(_ROUNDS)]:
            await _one(run, fault)
    await run.talk_until(max(0, LONG_ENOUGH.acknowledged - run.acknowledged))


_ROUNDS: tuple[tuple[breaking.Breaking, ...], ...] = (
    (breaking.redis_is_restarted, breaking.acks_are_cut, breaking.somebody_logs_out),
    (breaking.postgres_crashes, breaking.redis_forgets_everything, breaking.one_backend_is_killed),
    (breaking.redis_is_frozen, breaking.the_writer_loses_its_backend, breaking.everybody_is_cut_off),
    (breaking.redis_is_cut_off, breaking.a_worker_is_told_to_end, breaking.somebody_logs_out),
    (breaking.pokes_are_lost, breaking.random_backends_are_killed, breaking.everybody_storms_back),
    (breaking.postgres_is_restarted, breaking.acks_are_cut),
)


async def _one(run: Run, fault: breaking.Breaking) -> None:
    await run.talk_until(int(100 * SCALE))
    begin = time.monotonic()
    await fault(run)
    took = time.monotonic() - begin
    name = getattr(fault, "func", fault).__name__.replace("_", " ")
    print(f"  {name}: {took:.1f} s, {run.acknowledged} acknowledged so far", flush=True)  # noqa: T201


async def crossing() -> Outcome:
    """Two processes, nginx in front, no affinity: 10,000 messages; then with lost pokes; then with Redis gone."""
    async with stacked() as stack:
        with _nginx(stack) as port:
            run = Run(stack, stack.seed(12, 6), pause=0.08, port=port)
            try:
                await run.begin()
                spread = [await server.sockets() for server in stack.servers]
                await _cross(run)
                result = await run.finish()
            finally:
                await run.stop()
    gone = during(result.history, "Redis gone")
    plain = during(result.history, PLAIN)
    claims = {
        f"both processes had sockets ({spread[0]} and {spread[1]})": min(spread) > 0,
        f"delivery without Redis: p99 {gone['delivery_p50_p99_s'][1]} s, at most 2 s": gone["delivery_p50_p99_s"][1]
        <= 2,
        f"sends without Redis: p99 {gone['ack_p50_p99_s'][1]} s (with it {plain['ack_p50_p99_s'][1]} s), at most 1 s": (
            gone["ack_p50_p99_s"][1] <= 1
        ),
        "no send without an answer": not any(send.unknown for send in result.history.sends),
    }
    return outcome_of("Across two processes, nginx in front", result, claims)


PLAIN = "nothing broken"


@contextmanager
def _nginx(stack: Stack) -> Iterator[int]:
    """deploy/nginx.conf in front of both processes; the port it listens on."""
    with tempfile.TemporaryDirectory(prefix="parley-nginx-") as folder:
        Path(folder).chmod(0o755)  # its worker is another user when root starts it
        with proxy([f"127.0.0.1:{server.port}" for server in stack.servers], Path(folder)) as front:
            yield int(front.url.rpartition(":")[2])


async def _cross(run: Run) -> None:
    async with run.broken(PLAIN):
        await run.talk_until(CROSSING)
    await breaking.pokes_are_lost(run, CROSSING)
    await breaking.redis_is_gone(run, max(5.0, 60 * SCALE))


async def rolling() -> Outcome:
    """Both processes are replaced, one after the other, under 100 messages a second."""
    async with stacked() as stack:
        world = stack.seed(12, 6)
        # 36 devices: without restarts some 250 a second.
        run = Run(stack, world, pause=0.12)
        try:
            await run.begin()
            await run.talk_until(int(500 * SCALE))
            for _ in range(3):
                await breaking.all_workers_are_replaced(run)
                await run.talk_until(int(200 * SCALE))
            result = await run.finish()
        finally:
            await run.stop()
    seen = during(result.history, "rolling restart")
    failed = sum(send.outcome != "ok" and send.code not in {"invalid", "too_large"} for send in result.history.sends)
    pace = seen["acknowledged"] / seen["seconds"]
    claims = {
        f"no send failed: {failed} of {len(result.history.sends)}": failed == 0,
        f"{pace:.0f} messages/s during the restarts, at least 100": pace >= 100,
        "no send without an answer": seen["unknown"] == 0,
    }
    return outcome_of("Rolling restart under load", result, claims)


async def storm() -> Outcome:
    """2,000 clients are cut off at once and come back."""
    async with stacked() as stack:
        numbers = await everybody_returns(stack, stack.seed(40, 20), STORM)
        complaints = stack.complaints()
    return Outcome("Everybody comes back at once", complaints, numbers)


# ---- All of it --------------------------------------------------------------------------------------------------


PARTS: dict[str, Part] = {"faults": all_faults, "crossing": crossing, "rolling": rolling, "storm": storm}


def main() -> int:
    """Run the parts that ONLY names, or all; the exit status."""
    chosen = [name for name in os.environ.get("ONLY", ",".join(PARTS)).split(",") if name]
    outcomes = []
    for name in chosen:
        begin = time.monotonic()
        print(f"{name} …", flush=True)  # noqa: T201
        outcome = asyncio.run(_guarded(name))
        outcome.numbers["seconds"] = round(time.monotonic() - begin)
        outcomes.append(outcome)
        print(report.of_part(outcome), flush=True)  # noqa: T201
        _write(outcomes, whole=chosen == [*PARTS] and SCALE == 1)
    return 0 if all(outcome.holds for outcome in outcomes) else 1


async def _guarded(name: str) -> Outcome:
    """A part that cannot be ended is a violation; the others still run."""
    try:
        return await PARTS[name]()
    except AssertionError as problem:
        return Outcome(name, [f"the part could not be ended: {problem}"], {})


def _write(outcomes: list[Outcome], *, whole: bool) -> None:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    parts = [{**outcome.__dict__, "holds": outcome.holds} for outcome in outcomes]
    everything = {"when": when, "machine": machine, "parts": parts}
    (_folder() / "result.json").write_text(json.dumps(everything, indent=1))
    if whole:
        page = ROOT / "docs" / "faults.md"
        page.write_text(report.with_result(page.read_text(), outcomes, f"{when}, {machine}"))


def _folder() -> Path:
    folder = ROOT / ".cache" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
