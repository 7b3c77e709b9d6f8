"""Everything is broken once while people talk, and every promise of delivery holds. `make faults` is the long run."""

import asyncio
import os
from functools import partial

import pytest

from tests.faults import breaking
from tests.faults.checker import RULES, Minima
from tests.faults.run import Result, Run, during
from tests.faults.stack import Stack, World, stacked
from tests.faults.storms import everybody_returns

pytestmark = [
    pytest.mark.no_database,
    pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process"),
]

ONCE: tuple[breaking.Breaking, ...] = (
    breaking.a_worker_is_killed,
    breaking.somebody_logs_out,
    breaking.a_worker_is_told_to_end,
    breaking.redis_is_restarted,
    breaking.redis_forgets_everything,
    partial(breaking.redis_is_frozen, seconds=3),
    partial(breaking.redis_is_cut_off, seconds=1),
    breaking.pokes_are_lost,
    breaking.postgres_crashes,
    breaking.postgres_is_restarted,
    breaking.one_backend_is_killed,
    breaking.the_writer_loses_its_backend,
    breaking.random_backends_are_killed,
    breaking.acks_are_cut,
    breaking.everybody_is_cut_off,
    breaking.everybody_storms_back,
    breaking.somebody_does_not_read,
)
"""`all_workers_are_replaced` and a minute without Redis are for the long run."""

ENOUGH = Minima(acknowledged=500, unknown=10, returns=20, hits=10, refused=1)


async def break_everything() -> Result:
    async with stacked(STALL_TIMEOUT="2") as stack:
        run = Run(stack, stack.seed(8, 4))
        try:
            await run.begin()
            for fault in ONCE:
                await run.talk_until(30)
                await fault(run)
            await run.talk_until(30)
            result = await run.finish()
        finally:
            await run.stop()
        result.problems += await storm_of(stack, run.world)
        return result


async def storm_of(stack: Stack, world: World) -> list[str]:
    """T143, small: 200 clients that are cut off at once."""
    numbers = await everybody_returns(stack, world, 200)
    statuses = {200, *numbers["rest_statuses"]}
    return [] if statuses == {200} else [f"meanwhile REST answered {statuses}"]


@pytest.fixture(scope="module")
def result() -> Result:
    return asyncio.run(break_everything())


@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_every_promise_is_kept(result: Result, rule: str) -> None:
    assert result.verdicts[rule] == []


def test_enough_went_wrong_to_prove_something(result: Result) -> None:
    assert result.void(ENOUGH) == []


def test_what_was_stored_and_not_answered_is_acknowledged_when_it_is_repeated(result: Result) -> None:
    """T115: ten acks were swallowed. That each of these messages is there once is for the rules above."""
    assert during(result.history, "cut before the ack")["unknown"] >= 5
    assert all(send.ended is not None for send in result.history.sends)


def test_everybody_is_brought_everything_in_the_end(result: Result) -> None:
    assert result.problems == []


def test_nobody_is_ever_told_to_reload(result: Result) -> None:
    assert result.history.resyncs == 0


def test_no_fault_makes_the_servers_log_a_defect(result: Result) -> None:
    assert result.complaints == []
