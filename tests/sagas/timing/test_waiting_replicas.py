"""Sagas wait for events while two processes share their service's store, and one of them goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.testing import PostgresServer
from tests.sagas.timing.village import Village

WAIT_SECONDS = 30.0
LEASE_SECONDS = 3.0


@pytest.fixture
async def villages(
    tmp_path: Path, outgrow_postgres: PostgresServer
) -> AsyncIterator[tuple[Village, Village]]:
    urls = {service: await outgrow_postgres.database() for service in ("bookings", "tills")}
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(
                Village(tmp_path, SystemClock(), urls, lease_seconds=LEASE_SECONDS).running()
            )
            for _ in range(2)
        ]
        yield both[0], both[1]


async def sell(village: Village, name: str) -> None:
    await village.begin_only("sell", name, key=name)


async def all_sold(village: Village, count: int) -> None:
    """Wait until so many have heard what they wait for, and each once."""
    sql = "select count(*) from outgrow_saga where method = 'bookings.sell' and state = 'completed'"
    async with asyncio.timeout(WAIT_SECONDS):
        while await village.rows(sql) != [(count,)]:
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.02)
    said = "select name, count(*) from notes where said like 'paid %' group by name"
    assert dict(await village.rows(said)) == {f"n{n}": 1 for n in range(count)}


@pytest.mark.long
async def test_who_leads_hears_of_what_another_one_handled(
    villages: tuple[Village, Village],
) -> None:
    first, second = villages
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            group.create_task(sell(villages[n % 2], f"n{n}"))
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            group.create_task(villages[n % 3 % 2].till.pay(f"n{n}", n))
    await all_sold(second, 8)

    async with asyncio.TaskGroup() as group:
        for n in range(8, 12):
            group.create_task(sell(first, f"n{n}"))
    await first.stop()  # It led, perhaps; what waits is the other one's now.
    for n in range(8, 12):
        await second.till.pay(f"n{n}", n)
    await all_sold(second, 12)
    await first.start()
