"""Three processes over one store share what there is to do, and go on when one of them is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from outgrow import using
from outgrow.clock import SystemClock
from outgrow.process import Apart, Application, Options, start_application
from outgrow.testing import ApartWorld
from outgrow.topology import replica_name
from tests.replicas.book.contract import Book, Line
from tests.replicas.till.contract import Till

T = TypeVar("T")

pytestmark = [pytest.mark.worlds("apart"), pytest.mark.stores("postgres")]

WAIT_SECONDS = 30
LOOK_SECONDS = 0.02
HOUR = 3600.0


class Three:
    """Three replicas of one process, each of which can be called by itself."""

    def __init__(self, world: ApartWorld, replicas: list[Application]) -> None:
        self.world = world
        self.tills: list[Till] = [one.client(Till) for one in replicas]  # type: ignore[type-abstract]
        self.books: list[Book] = [one.client(Book) for one in replicas]  # type: ignore[type-abstract]
        self.sold: dict[str, int] = {}

    async def told(self, what: str, service: str) -> list[Any]:
        """What each replica says of its share of the work of *service*."""
        every = [await self.world.statistics("till", replica=n) for n in self.living]
        return [one["replicas"][service][what] for one in every]

    @property
    def living(self) -> list[int]:
        hosts = self.world._hosts
        return [n for n in (1, 2, 3) if hosts[replica_name("all", n)].is_alive]

    async def divided(self) -> None:
        """Wait until each has its share, and one leads."""
        count = len(self.living)

        async def is_so() -> bool:
            for service in ("till", "book"):
                shares = await self.told("partitions", service)
                if sum(shares) != 32 or min(shares) < 32 // count:
                    return False
                if sum(await self.told("leads", service)) != 1:
                    return False
            return True

        await until(is_so)

    async def sell(self, *, rounds: int, tills: int) -> None:
        """Sell at many tills, each sale at the next replica."""
        nth = 0
        for _ in range(rounds):
            for till in (f"t{number}" for number in range(tills)):
                nth += 1
                self.sold[till] = self.sold.get(till, 0) + 1
                replica = self.living[nth % len(self.living)]
                assert await self.tills[replica - 1].sell(till, self.sold[till]) == self.sold[till]

    async def check(self) -> list[Line]:
        """Each sale was written down once, and those of each till in their order."""
        lines = await self.books[self.living[0] - 1].get_lines()
        for till, count in self.sold.items():
            assert [line.number for line in lines if line.till == till] == [*range(1, count + 1)]
        return lines


async def until(condition: Callable[[], Any]) -> None:
    clock = SystemClock()
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await clock.sleep(LOOK_SECONDS)


@asynccontextmanager
async def called_alone(world: ApartWorld, replica: int, state: Path) -> AsyncIterator[Application]:
    """An application that hosts nothing and calls one replica, whoever else there is."""
    seating, name = world._seating(), replica_name("all", replica)
    alone = msgspec.structs.replace(seating, seats={name: seating.seats[name]}, discovery="static")
    options = Apart(alone, None).options(
        Options(is_open=True, clock=world.clock, state=state, is_test=True)
    )
    async with start_application(world._plan, options) as application:
        yield application


@pytest.fixture
async def three(world: ApartWorld, tmp_path: Path) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(called_alone(world, number, tmp_path))
            for number in (1, 2, 3)
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
