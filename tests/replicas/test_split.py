"""Replicas of two processes, one of which hears of the other by NATS."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from outgrow.testing import ApartWorld
from outgrow.topology import replica_name
from tests.replicas.book.contract import Book, Line
from tests.replicas.three import called_alone, until
from tests.replicas.till.contract import Till

pytestmark = [
    pytest.mark.worlds("apart"),
    pytest.mark.stores("postgres"),
    pytest.mark.long,
    pytest.mark.timeout(180),
]

TILLS = 24


@pytest.fixture
def outgrow_file() -> Path:
    """Two replicas of the till, and three of the book."""
    return Path(__file__).with_name("split.toml")


class Sales:
    """Sells, whoever takes the call, and checks what is in the book."""

    def __init__(self, world: ApartWorld) -> None:
        self.sold: Counter[str] = Counter()
        self._till = world.client(Till)

    async def sell(self, rounds: int) -> None:
        async def at(till: str) -> None:
            for _ in range(rounds):
                self.sold[till] += 1
                assert await self._till.sell(till, self.sold[till]) == self.sold[till]

        async with asyncio.TaskGroup() as tasks:
            for number in range(TILLS):
                tasks.create_task(at(f"t{number}"))

    async def check(self, book: Book) -> list[Line]:
        lines = await book.get_lines()
        for till, count in self.sold.items():
            assert [line.number for line in lines if line.till == till] == [*range(1, count + 1)]
        assert len(lines) == self.sold.total()
        return lines


async def test_events_are_shared_and_go_on_whatever_replica_is_killed(world: ApartWorld) -> None:
    sales, book = Sales(world), world.client(Book)
    await sales.sell(4)
    await world.settle()
    writers = {line.pid for line in await sales.check(book)}
    assert writers == {world._hosts[replica_name("back", n)].pid for n in (1, 2, 3)}

    leads = [
        (await world.statistics("till", replica=n))["replicas"]["till"]["leads"] for n in (1, 2)
    ]
    for service, replica in (("till", leads.index(True) + 1), ("book", 2)):
        async with asyncio.TaskGroup() as tasks:
            selling = tasks.create_task(sales.sell(8))
            await until(lambda: _some_of(sales))
            world.kill(service, replica=replica)
            await selling
        await world.settle()
        await sales.check(book)
        await world.revive(service, replica=replica)


async def _some_of(sales: Sales) -> bool:
    return sales.sold.total() % 8 > 2


async def test_who_stood_still_has_no_effect_when_it_goes_on(
    world: ApartWorld, tmp_path: Path
) -> None:
    sales = Sales(world)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(called_alone(world, "back", tmp_path))
        book = other.client(Book)  # type: ignore[type-abstract]
        await sales.sell(2)
        world.freeze("book", replica=2)
        await sales.sell(4)

        async def all_written() -> bool:
            return len(await book.get_lines()) == sales.sold.total()

        await until(all_written)  # when the lease of who stands still is over
        world.thaw("book", replica=2)
        await sales.sell(2)
        await world.settle()
        await sales.check(book)
