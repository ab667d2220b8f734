"""Transfers between services in processes of their own, which are killed meanwhile."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from outgrow import using
from outgrow.errors import CallError, ControlError, SagaAborted
from outgrow.testing import ApartWorld
from tests.crash.harness import seed
from tests.faults.transfers.fees.contract import Fees
from tests.faults.transfers.giro.contract import Giro
from tests.faults.transfers.giro.service import FEE
from tests.faults.transfers.north.contract import North, Overdrawn
from tests.faults.transfers.south.contract import Closed, South

pytestmark = [pytest.mark.worlds("apart"), pytest.mark.long]

FILE = Path(__file__).parents[2] / "faults" / "transfers" / "outgrow.toml"
BANKS: tuple[Any, ...] = (Giro, North, South, Fees)
CENTS = 100
AT_ONCE = 16
LOOK_SECONDS = 0.05
TICK_SECONDS = 1.0
PLACES = (("rich", "open"), ("rich", "open"), ("poor", "open"), ("rich", "closed"))


@pytest.fixture
def outgrow_file() -> Path:
    return FILE


class Transfers:
    """Transfers that are asked for until it is known what came of them, and what did."""

    def __init__(self, world: ApartWorld) -> None:
        self.world = world
        self.ended: dict[str, bool] = {}

    async def ask(self, count: int) -> None:
        numbers = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._ask_some(numbers))

    async def _ask_some(self, numbers: Any) -> None:
        for number in numbers:
            order, places = f"o{number}", PLACES[number % len(PLACES)]
            while order not in self.ended:
                client = using(self.world.client(Giro), key=order)
                try:
                    await client.transfer(order, *places, CENTS)
                    self.ended[order] = True
                except (Overdrawn, Closed, SagaAborted):
                    self.ended[order] = False
                except CallError:
                    await pause()

    async def until(self, count: int) -> None:
        while len(self.ended) < count:
            await pause()

    async def pass_time(self, *tasks: asyncio.Task[None]) -> None:
        """Let time pass in all processes until *tasks* are done."""
        while not all(task.done() for task in tasks):
            await pause()
            with suppress(ControlError, OSError):  # One of them is dead, or stands still.
                self.world.clock.advance(TICK_SECONDS)

    async def check(self) -> None:
        """What each service holds is what the transfers that succeeded come to."""
        await self.world.settle()
        done = sum(self.ended.values())
        totals = [await self.world.client(bank).total() for bank in BANKS]
        half = FEE // 2
        assert totals == [done * half, -done * CENTS, done * (CENTS - FEE), done * half]


async def pause() -> None:
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=LOOK_SECONDS)


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("count", "kills"), [(200, 3), (20_000, 20)])
@pytest.mark.stores("sqlite", "postgres")
async def test_no_money_is_lost_or_made_while_processes_are_killed(
    world: ApartWorld, count: int, kills: int
) -> None:
    transfers, chance = Transfers(world), random.Random(seed())

    async def kill() -> None:
        for number in range(kills):
            await transfers.until(count * (number + 1) // (kills + 2))
            service = chance.choice(["giro", "north", "south"])
            world.kill(service)
            await world.died(service)
            await world.revive(service)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(transfers.ask(count))
        killing = group.create_task(kill())
        await transfers.pass_time(asking, killing)
    await transfers.check()
