"""
A partition of each pair of processes in turn, under load.

What is called across it fails with the right error and in time, what is called elsewhere does not
notice, and soon after it heals everything works.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import combinations, count
from time import perf_counter

import pytest
from ring.one.contract import One
from ring.outcomes import Outcome
from ring.three.contract import Three
from ring.two.contract import Two

from outgrow.testing import World

CONTRACTS = {"one": One, "two": Two, "three": Three}
CALL_SECONDS = 1.0
PAUSE_SECONDS = 0.02
TICK_SECONDS = 0.05
HOPS = 2
HOP_SECONDS = 0.05
RECOVERY_SECONDS = 2.0
SLACK_SECONDS = 5.0
"""What a loaded machine may take more. The figures are printed."""

pytestmark = [pytest.mark.faults, pytest.mark.worlds("apart"), pytest.mark.stores("sqlite")]


@dataclass
class Load:
    """Calls from each service to each other one, one after the other in each direction."""

    clients: dict[str, object]
    numbers: count = field(default_factory=lambda: count(1))
    outcomes: dict[tuple[str, str], list[tuple[float, float, Outcome]]] = field(
        default_factory=dict
    )
    rung: dict[tuple[str, str], dict[int, Outcome]] = field(default_factory=dict)
    is_over: bool = False

    async def run(self, caller: str, callee: str) -> None:
        """Ask and ring in turn until it is over; what must not be repeated is rung once."""
        asked = self.outcomes.setdefault((caller, callee), [])
        rung = self.rung.setdefault((caller, callee), {})
        client = self.clients[caller]
        while not self.is_over:
            began = perf_counter()
            outcome = await getattr(client, f"ask_{callee}")("x", CALL_SECONDS)
            asked.append((began, perf_counter(), outcome))
            number, began = next(self.numbers), perf_counter()
            rung[number] = await getattr(client, f"ring_{callee}")(number, CALL_SECONDS)
            asked.append((began, perf_counter(), rung[number]))
            await asyncio.sleep(PAUSE_SECONDS)  # noqa: TID251 - so that the load is not all there is

    def inside(self, lane: tuple[str, str], since: float, until: float) -> list[Outcome]:
        """What began and ended on *lane* in that time."""
        return [o for began, ended, o in self.outcomes[lane] if since <= began and ended <= until]

    def first_answer(self, lane: tuple[str, str], since: float) -> float | None:
        """When the first call on *lane* succeeded after *since*."""
        good = [ended for _, ended, o in self.outcomes[lane] if ended >= since and not o.error]
        return min(good, default=None)


async def partition_each(world: World, seconds: float, slack: float) -> list[str]:
    """Partition each pair for *seconds*; a line of figures for each."""
    load = Load({name: world.client(contract) for name, contract in CONTRACTS.items()})
    lanes = [(a, b) for a in CONTRACTS for b in CONTRACTS if a != b]
    told: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        for lane in lanes:
            tasks.create_task(load.run(*lane))
        tasks.create_task(_tick(world, load))
        await _until(lambda: all(len(load.outcomes.get(lane, [])) >= 4 for lane in lanes))
        for pair in combinations(CONTRACTS, 2):
            line = await _partition(world, load, pair, seconds=seconds, slack=slack)
            told.append(line)
        load.is_over = True
    await _see_may_have_run(load)
    return told


async def _partition(
    world: World, load: Load, pair: tuple[str, str], *, seconds: float, slack: float
) -> str:
    affected, began = [pair, pair[::-1]], perf_counter()
    others = [lane for lane in load.outcomes if lane not in affected]
    async with world.partition(*pair):
        partitioned = perf_counter()

        def is_seen() -> bool:
            now = perf_counter()
            is_long = now - partitioned >= seconds
            return is_long and all(load.inside(lane, partitioned, now) for lane in affected)

        await _until(is_seen)
        healing = perf_counter()
    healed = perf_counter()
    await _until(lambda: all(load.first_answer(lane, healed) for lane in affected))
    recovered = max(load.first_answer(lane, healed) - healed for lane in affected)
    cut = [o for lane in affected for o in load.inside(lane, partitioned, healing)]
    whole = [o for lane in others for o in load.inside(lane, began, healed)]
    assert {o.error for o in cut} <= {"CallTimedOut", "ServiceUnreachable"}
    assert whole
    assert not [o for o in whole if o.error]
    longest = max(o.seconds for o in cut)
    assert longest < CALL_SECONDS + HOPS * HOP_SECONDS + slack
    assert recovered < RECOVERY_SECONDS + slack
    errors = sorted({f"{o.error}({o.may_have_run})" for o in cut})
    return (
        f"{'-'.join(pair)}: {len(cut)} calls cut ({', '.join(errors)}), the longest "
        f"{longest:.3f} s of {CALL_SECONDS} s; {len(whole)} calls elsewhere, 0 failed; "
        f"recovered in {recovered:.3f} s"
    )


async def _tick(world: World, load: Load) -> None:
    """Let the clock of the world go as the machine's does: deadlines are told on it."""
    last = perf_counter()
    while not load.is_over:
        await asyncio.sleep(TICK_SECONDS)  # noqa: TID251 - this is the clock
        now = perf_counter()
        world.clock.advance(now - last)
        last = now


async def _see_may_have_run(load: Load) -> None:
    """What has certainly not run has not, and nothing that must not be repeated ran twice."""
    for (_, callee), rung in load.rung.items():
        client = load.clients[callee]
        for number, outcome in rung.items():
            if outcome.error or number % 10 == 0:
                ran = await client.count(number)
                assert ran <= 1, (callee, number, outcome)
                assert ran == 0 or outcome.may_have_run, (callee, number, outcome)


async def _until(holds) -> None:
    async with asyncio.timeout(50):
        while not holds():  # noqa: ASYNC110 - it is other processes that make it true
            await asyncio.sleep(0.01)  # noqa: TID251 - other processes take their own time


async def test_a_partition_of_each_pair_is_told_in_time_and_heals(world: World) -> None:
    told = await partition_each(world, 1.0, SLACK_SECONDS)

    print("\n".join(told))  # noqa: T201 - figures


@pytest.mark.long
async def test_a_partition_beyond_the_pings_heals_too(world: World) -> None:
    told = await partition_each(world, 10.0, SLACK_SECONDS)

    print("\n".join(told))  # noqa: T201 - figures
