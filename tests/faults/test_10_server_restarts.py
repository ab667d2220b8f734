"""
10. PostgreSQL is killed and comes back, as a primary does after a failover: the sequence of the
positions jumps, and neither stops readers nor makes them pass anything over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outgrow.calls import using
from outgrow.clock import SystemClock
from outgrow.errors import OutgrowError
from outgrow.store import Transaction
from outgrow.testing import PostgresServer
from tests.journal.shop import Shop
from tests.journal.test_replicas import running

RESTARTS = 3
KEYS = 6
JUMP = 1_000


@pytest.fixture
async def server() -> AsyncIterator[PostgresServer]:
    one = PostgresServer()
    yield one
    one.close()


async def place(shop: Shop, key: str, n: int) -> None:
    """Place an order, whatever it takes: under its key it has one effect."""
    while True:
        try:
            await using(shop.orders, key=f"{key} {n}", deadline=5).place(key, n)
        except OutgrowError:
            continue
        return


async def test_a_jump_of_the_sequence_stops_and_skips_nothing(
    server: PostgresServer, tmp_path: Path
) -> None:
    urls = {service: await server.database() for service in ("orders", "letters")}
    shop = Shop(tmp_path, SystemClock(), urls)
    count = 0
    async with running(shop):
        for _ in range(RESTARTS):

            async def write(key: str, begin: int = count) -> None:
                for n in range(begin, begin + 10):
                    await place(shop, key, n)

            async with asyncio.TaskGroup() as group:
                for k in range(KEYS):
                    group.create_task(write(f"k{k}"))
                while len(await tried(shop)) < (count + 4) * KEYS:
                    pass
                await asyncio.to_thread(restart, server)
                await jump(shop)
            count += 10
        async with asyncio.timeout(40):
            while len(await shop.texts()) < count * KEYS:
                await shop.delivery.settle()

        texts = await shop.texts()
        positions = [
            p for (p,) in await shop.rows("orders", "select position from outgrow_journal")
        ]

    assert max(positions) > RESTARTS * JUMP
    for k in range(KEYS):
        mine = [text for text in texts if text.startswith(f"k{k} ")]
        assert mine == [f"k{k} placed {n}" for n in range(count)]


async def jump(shop: Shop) -> None:
    """Let the sequence jump further than it does by itself, which is up to 32 numbers."""

    async def unit(tx: Transaction) -> None:
        await tx.own(
            "select setval(pg_get_serial_sequence('outgrow_journal', 'position'), "
            "nextval(pg_get_serial_sequence('outgrow_journal', 'position')) + ?)",
            (JUMP,),
        )

    while True:
        try:
            await shop.stores["orders"].transact(unit)
        except OutgrowError:
            continue
        return


async def tried(shop: Shop) -> list[object]:
    """The orders that are there; none while the server is away."""
    try:
        return list(await shop.rows("orders", "select number from orders"))
    except OutgrowError:
        return []


def restart(server: PostgresServer) -> None:
    server.kill()
    server.start()
