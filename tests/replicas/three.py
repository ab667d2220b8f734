"""Several replicas in the world apart, each of which can be called by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from outgrow.clock import SystemClock
from outgrow.process import Application, Options, start_application
from outgrow.process.apart import Apart
from outgrow.testing import ApartWorld
from outgrow.topology import process_of, replica_name
from tests.replicas.book.contract import Book, Line
from tests.replicas.till.contract import Till

WAIT_SECONDS = 30
LOOK_SECONDS = 0.02


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
async def called_alone(world: ApartWorld, name: str, state: Path) -> AsyncIterator[Application]:
    """An application that hosts nothing and calls one replica, whoever else there is."""
    seating = world._seating()
    seats = {
        seat.name: seat
        for seat in seating.seats.values()
        if seat.name == name or seat.process != process_of(name)
    }
    alone = msgspec.structs.replace(seating, seats=seats, discovery="static")
    options = Apart(alone, None).options(
        Options(is_open=True, clock=world.clock, state=state, is_test=True)
    )
    async with start_application(world._plan, options) as application:
        yield application
