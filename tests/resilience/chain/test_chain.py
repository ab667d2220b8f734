"""A chain of five services whose last one hangs: nobody waits for it longer than the deadline."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from outgrow import using
from outgrow.clock import SystemClock
from outgrow.errors import CallError, CallTimedOut
from outgrow.testing import ApartWorld, World
from tests.resilience.chain.fifth import Fifth
from tests.resilience.chain.first import First
from tests.resilience.chain.fourth import Fourth
from tests.resilience.chain.second import Second
from tests.resilience.chain.third import Third

DEADLINE_SECONDS = 0.2
CHAIN = (First, Second, Third, Fourth, Fifth)
LIMIT_SECONDS = 30.0


async def until(ask) -> None:
    """Ask until the answer is true, for as long as a slow machine may take."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await ask():
            await SystemClock().sleep(0.01)


async def goes_on(world: World) -> list[float]:
    """How many executions go on in each service of the chain."""
    return [(await world.client(contract).told())[0] for contract in CHAIN]


async def outcome(client: First) -> CallError | None:
    try:
        await client.ask()
    except CallError as error:
        return error
    return None


async def nothing_goes_on(world: World) -> bool:
    return not any(await goes_on(world))


async def test_when_the_last_hangs_every_hop_returns_and_nothing_goes_on(world: World) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(outcome(using(world.client(First), deadline=5.0)))
        await until(lambda: told_by(world, Fifth))
        assert await goes_on(world) == [1.0] * 5
        world.clock.advance(5.01)

    assert isinstance(asked.result(), CallTimedOut)
    assert asked.result().may_have_run
    await until(lambda: nothing_goes_on(world))
    if isinstance(world, ApartWorld):
        for contract in CHAIN:
            name = contract.__name__.lower()
            assert (await world.statistics(name))["limit"]["in_flight"] == 0


async def told_by(world: World, contract) -> bool:
    return (await world.client(contract).told())[0] == 1.0


@pytest.mark.worlds("apart")
async def test_when_one_in_the_middle_stands_still_the_others_return(world: ApartWorld) -> None:
    first = world.client(First)
    await outcome(using(first, deadline=1.0))  # All connections are made.
    await until(lambda: nothing_goes_on(world))
    world.freeze("third")
    try:
        # The first one's or the second one's: in the machine's time both pass at once, and the
        # clock by which the first could tell that its own has passed stands still here.
        assert "its deadline passed" in str(await outcome(using(first, deadline=1.0)))
        for contract in (First, Second):
            name = contract.__name__.lower()
            await until(lambda name=name: idle(world, name))
    finally:
        world.thaw("third")
    await until(lambda: nothing_goes_on(world))
    # What came to it while it stood still was over by then, and nobody below was asked.
    assert len(await world.client(Fifth).told()) <= 3


async def idle(world: ApartWorld, service: str) -> bool:
    told = await world.statistics(service)
    return told["limit"]["in_flight"] == 0


@pytest.mark.long
@pytest.mark.worlds("wired", "apart")
async def test_every_hop_returns_within_50_ms_of_the_deadline(world: World) -> None:
    first = using(world.client(First), deadline=DEADLINE_SECONDS)
    await outcome(using(world.client(First), deadline=1.0))
    for _ in range(20):
        with contextlib.suppress(CallTimedOut):
            await first.ask()
        await until(lambda: nothing_goes_on(world))
    for hop, contract in enumerate(reversed(CHAIN)):
        _, _, *seconds = await world.client(contract).told()
        print(contract.__name__, [round(each * 1000) for each in seconds])  # noqa: T201 - told
        assert seconds
        assert max(seconds) <= DEADLINE_SECONDS + 0.05 * (hop + 1)
