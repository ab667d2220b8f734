"""Order within a partition, partitions beside each other, and nobody waits for a slow handler."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from outgrow.journal.consumers.lanes import LANES_MAX, in_lanes
from outgrow.journal.messages import Message, partition_of
from tests.journal.conftest import Run
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record

SLOW = {
    "sqlite": (
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 200000) "
        "select count(*) from n"
    ),
    "postgresql": "select 1 from pg_sleep(0.15)",
}
"""Statements that take their time."""


def message(position: int, partition: int) -> Message:
    return Message(
        position, str(position), "event", "a.B", 1, None, str(partition), partition, None, "c", "t",
        "{}", None, "2030-01-01T00:00:00.000000Z", "{}",
    )  # fmt: skip


async def test_a_partition_keeps_its_order_and_others_go_beside_it() -> None:
    taken: list[int] = []
    first_may_end = asyncio.Event()

    async def take(one: Message) -> None:
        if one.position == 1:
            await first_may_end.wait()
        taken.append(one.position)
        if one.position == 6:
            first_may_end.set()

    async with asyncio.timeout(5):
        await in_lanes([message(n, n % 2) for n in range(1, 7)], take)

    assert taken == [2, 4, 6, 1, 3, 5]


async def test_so_many_lanes_are_under_way_and_no_more() -> None:
    under_way = most = 0

    async def take(_: Message) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(3):
            turned = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(turned.set_result, None)
            await turned
        under_way -= 1

    await in_lanes([message(n, n % 16) for n in range(64)], take)

    assert most == LANES_MAX


async def test_behind_one_that_cannot_be_taken_its_partition_stops_and_others_go_on() -> None:
    taken: list[int] = []

    async def take(one: Message) -> None:
        if one.position in {3, 4}:
            raise ValueError(one.position)
        taken.append(one.position)

    with pytest.raises(ValueError, match="3"):
        await in_lanes([message(n, n % 3) for n in range(12)], take)

    assert sorted(taken) == [0, 1, 2, 5, 8, 11]


async def test_a_slow_handler_does_not_slow_the_others(run_shop: Run) -> None:
    async with run_shop() as shop:
        await shop.settle_all()  # It knows its share now.
        original = shop.letters_service._add

        async def add_slowly(tx: Any, text: str) -> None:
            await tx.fetch_all(int, SLOW[shop.stores["letters"].dialect])
            await original(tx, text)

        shop.letters_service._add = add_slowly
        await record(shop, *(placed(f"o{n}", n) for n in range(60)))
        async with asyncio.timeout(20):
            while (lags := await told_lags(shop))["orders.see_own"]:
                shop.delivery._moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(shop.delivery._moved.wait(), 0.05)

        assert lags["letters.tell"] > 0
        shop.letters_service._add = original
        await shop.settle_all()
        assert len(await shop.texts()) == 60


async def told_lags(shop: Shop) -> dict[str, int]:
    return {one.consumer: one.lag or 0 for one in await shop.delivery.statistics()}


async def test_each_key_keeps_its_order_under_random_failures_beside_others(shop: Shop) -> None:
    keys = [f"k{n}" for n in range(12)]
    assert len({partition_of(key) for key in keys}) > LANES_MAX
    shop.letters_service.failures = 9
    for n in range(10):
        await record(shop, *(placed(key, n) for key in keys))
    await shop.settle_all()

    texts = await shop.texts()
    for key in keys:
        told = [text for text in texts if text.startswith(f"{key} ")]
        assert told == [f"{key} placed {n}" for n in range(10)]
