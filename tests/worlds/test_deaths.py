"""A process dies at any named point, and is started again: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import random

import pytest
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow import using
from outgrow.errors import ControlError
from outgrow.testing import ApartWorld
from tests.crash.harness import points, seed

ACCOUNTS = 3
PAYMENTS = 5
SAMPLE = 6

Death = tuple[str, str, int]
ALL: list[Death] = [
    (service, point, nth) for service in ("ledger", "mail") for point in points() for nth in (1, 4)
]
NEVER_PASSED: set[tuple[str, str]] = set()


async def pay_all(world: ApartWorld) -> None:
    async with asyncio.TaskGroup() as group:
        for account in range(ACCOUNTS):
            group.create_task(pay_in_order(world, f"account-{account}"))


async def pay_in_order(world: ApartWorld, account: str) -> None:
    for cents in range(1, PAYMENTS + 1):
        await using(world.client(Ledger), key=f"{account}-{cents}").pay(account, cents)


async def survive(world: ApartWorld, death: Death) -> bool:
    """Whether the process has died where it was meant to; it is started again if so."""
    service, point, nth = death
    await world.crash(service, point, nth)
    revived = asyncio.Event()

    async def revive() -> None:
        await world.died(service)
        await world.revive(service)
        revived.set()

    async with asyncio.TaskGroup() as group:
        reviving = group.create_task(revive())
        await pay_all(world)
        await settle(world, revived)
        reviving.cancel()
    return revived.is_set()


async def settle(world: ApartWorld, revived: asyncio.Event) -> None:
    """Settle, again if the process dies meanwhile."""
    try:
        await world.settle()
    except (ControlError, ExceptionGroup):
        await revived.wait()
        await world.settle()


async def check(world: ApartWorld) -> None:
    for account in range(ACCOUNTS):
        heard = await world.client(Mail).get_heard(f"account-{account}")
        assert heard == list(range(1, PAYMENTS + 1))
        assert await world.client(Ledger).count_payments(f"account-{account}") == PAYMENTS


def drawn() -> list[Death]:
    return random.Random(seed()).sample([d for d in ALL if d[:2] not in NEVER_PASSED], SAMPLE)


@pytest.mark.worlds("apart")
@pytest.mark.parametrize("death", drawn(), ids=lambda death: f"{death[0]}-{death[1]}-{death[2]}")
async def test_a_death_at_a_drawn_point_is_not_in_the_effects(
    world: ApartWorld, death: Death
) -> None:
    await survive(world, death)

    await check(world)


@pytest.mark.long
@pytest.mark.worlds("apart")
@pytest.mark.parametrize("death", ALL, ids=lambda death: f"{death[0]}-{death[1]}-{death[2]}")
async def test_a_death_at_any_point_is_not_in_the_effects(world: ApartWorld, death: Death) -> None:
    has_died = await survive(world, death)

    await check(world)
    assert has_died == (death[:2] not in NEVER_PASSED) or death[2] > 1
