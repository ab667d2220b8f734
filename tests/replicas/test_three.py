"""Three processes over one store share what there is to do, and go on when one of them is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from outgrow import using
from outgrow.clock import SystemClock
from outgrow.testing import ApartWorld
from outgrow.topology import replica_name
from tests.replicas.three import Three, called_alone

pytestmark = [pytest.mark.worlds("apart"), pytest.mark.stores("postgres")]

HOUR = 3600.0


@pytest.fixture
async def three(world: ApartWorld, tmp_path: Path) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(called_alone(world, name, tmp_path))
            for name in ("all", "all.2", "all.3")
        ]
        three = Three(world, replicas)
        await three.divided()
        yield three


async def test_three_replicas_share_what_there_is_to_do(three: Three, world: ApartWorld) -> None:
    await three.sell(rounds=2, tills=20)
    for number, till in enumerate(three.tills):
        await till.sell_later("later", number + 1, 60)
        await till.post("posted")
    await world.settle()
    await three.check()

    world.clock.advance(60.0)
    await world.settle()

    lines = await three.check()
    assert sorted(line.number for line in lines if line.till == "later") == [1, 2, 3]
    assert sum(line.till == "posted" for line in lines) == 3
    assert {line.pid for line in lines if line.number} == {
        world._hosts[replica_name("all", number)].pid for number in (1, 2, 3)
    }
    every = [await world.statistics("till", replica=number) for number in (1, 2, 3)]
    fired = [sum(one["fired"] for one in told["timers"]) for told in every]
    assert sorted(fired)[:2] == [0, 0]  # one leads, and fires them
    handled = [
        c["handled"] for told in every for c in told["consumers"] if c["consumer"] == "book.note"
    ]
    assert sum(handled) == 43


async def test_a_repeat_that_reaches_another_replica_gets_the_first_reply(three: Three) -> None:
    first = [await using(till, key="one").sell("repeated", 1) for till in three.tills]
    tossed = [await using(till, key="two").toss("heads") for till in three.tills]
    async with asyncio.TaskGroup() as tasks:
        at_once = [
            tasks.create_task(using(till, key="three").toss("tails")) for till in three.tills
        ]

    assert first == [1, 1, 1]
    assert len(set(tossed)) == 1
    assert len({task.result() for task in at_once}) == 1


async def test_what_a_killed_replica_had_is_the_others(three: Three, world: ApartWorld) -> None:
    clock = SystemClock()
    leader = (await three.told("leads", "till")).index(True) + 1
    await three.sell(rounds=1, tills=20)
    await world.settle()
    assert await three.tills[leader % 3].get_sweeps() == 0
    killed_at = clock.monotonic()
    world.kill("till", replica=leader)

    await three.sell(rounds=2, tills=20)
    await three.divided()
    taken_over = clock.monotonic() - killed_at
    for hours in (1, 2):
        world.clock.advance(HOUR)
        await world.settle()
        assert await three.tills[leader % 3].get_sweeps() == hours

    await three.check()
    await world.revive("till", replica=leader)
    await three.divided()
    print(f"\nthe share of a killed replica is another's after {taken_over:.1f} s")  # noqa: T201
