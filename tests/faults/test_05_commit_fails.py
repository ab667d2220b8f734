"""
5. A COMMIT fails, since the disk is full or broken: all who share it are told, and the next works.

The disk is full for real: the kernel lets no file of the process that writes grow, nor be written
where it has grown.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outgrow.clock import ManualClock
from outgrow.errors import CommitUnknown, StoreError
from outgrow.store import Transaction
from tests.faults.power.server import PoweredServer
from tests.journal.orders import OrderPlaced
from tests.journal.shop import Shop

UNITS = 20


async def place(tx: Transaction, order_id: str) -> None:
    await tx.execute("insert into unique_orders (order_id) values (:id)", id=order_id)
    await tx.record(OrderPlaced(order_id=order_id, cents=1))


async def only_record(tx: Transaction, order_id: str) -> None:
    await tx.record(OrderPlaced(order_id=order_id, cents=1))


async def place_all(shop: Shop, prefix: str) -> list[BaseException | None]:
    units = [place if n % 2 else only_record for n in range(UNITS)]
    asked = [shop.stores["orders"].transact(unit, f"{prefix}{n}") for n, unit in enumerate(units)]
    return await asyncio.gather(*asked, return_exceptions=True)


async def recorded(shop: Shop) -> set[str]:
    return {key for (key,) in await shop.rows("orders", "select key from outgrow_journal")}


@contextmanager
def full(*pids: int) -> Iterator[None]:
    """No file of these processes may grow, nor be written where it has grown."""
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid in pids:
            if Path(f"/proc/{pid}").exists():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits[pid])


@pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)
async def test_a_full_disk_fails_all_of_a_commit_and_the_next_one_works(shop: Shop) -> None:
    assert await place_all(shop, "before ") == [None] * UNITS
    await shop.settle_all()
    with full(os.getpid()):
        results = await place_all(shop, "during ")
    assert all(isinstance(result, StoreError) for result in results), results
    assert not any(key.startswith("during") for key in await recorded(shop))

    assert await place_all(shop, "after ") == [None] * UNITS

    await shop.settle_all()
    heard = {text.rpartition(" placed")[0] for text in await shop.texts()}
    assert heard == await recorded(shop)
    assert len(heard) == 2 * UNITS


@pytest.mark.parametrize("store_kind", ["sqlite"], indirect=True)
async def test_a_listener_whose_disk_is_full_for_a_while_misses_nothing(shop: Shop) -> None:
    await place_all(shop, "a")
    with full(os.getpid()):
        await shop.delivery.settle()
    await shop.settle_all()
    assert len(await shop.texts()) == UNITS


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_server_whose_disk_is_full_fails_units_and_loses_nothing_that_it_acknowledged(
    tmp_path: Path, library: Path
) -> None:
    """It panics and recovers: what was asked of it meanwhile is there wholly or not at all."""
    with PoweredServer(library) as powered:
        urls = {s: await powered.server.database() for s in ("orders", "letters")}
        powered.power_on()
        shop = Shop(tmp_path, ManualClock(), urls)
        await shop.open()
        try:
            assert await place_all(shop, "before ") == [None] * UNITS
            powered.disk.fill()
            results = await place_all(shop, "during ")
            powered.disk.make_room()
            powered.kill()
            powered.recover()
            assert all(isinstance(result, StoreError) for result in results), results

            assert await place_again(shop) == [None] * UNITS
            found = await recorded(shop)
            assert {f"{when} {n}" for n in range(UNITS) for when in ("before", "after")} <= found
            unknown = {f"during {n}" for n, r in enumerate(results) if isinstance(r, CommitUnknown)}
            assert {key for key in found if key.startswith("during")} <= unknown
            rows = await shop.rows("orders", "select order_id from unique_orders")
            assert {order_id for (order_id,) in rows} <= found
        finally:
            await shop.close()


async def place_again(shop: Shop) -> list[BaseException | None]:
    """Units wait for a server that is away, for a while."""
    return await place_all(shop, "after ")
