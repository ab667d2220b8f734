"""How a delivery ends: in time, whatever hangs or fails, and without losing anything."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.journal.conftest import Run
from tests.journal.shop import Shop

EXPIRED_ROW = (
    "insert into outgrow_inbox (method, caller, key, arguments_hash, state, reply, expires_at) "
    "values ('orders.place', 'system:', ?, '', 'reply', 'null', '2000-01-01T00:00:00.000000Z')"
)


def start(shop: Shop) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(shop.delivery.run())


async def send(shop: Shop, text: str) -> None:
    async def unit(tx: Any) -> None:
        await tx.send(shop.letters.write, text)

    await shop.stores["orders"].transact(unit)


@pytest.mark.parametrize("has_effect", [True, False])
async def test_a_delivery_that_is_cut_off_leaves_no_task_and_repeats_under_the_same_key(
    run_shop: Run, has_effect: bool
) -> None:
    async with run_shop(deliver=False) as shop:
        call, hangs = shop._send, asyncio.Event()

        async def hang(name: str, context: Any, body: bytes) -> None:
            if has_effect:
                await call(name, context, body)
            else:
                shop.sent.append((name, context))
            hangs.set()
            await asyncio.get_running_loop().create_future()

        shop.delivery._posts["orders"].call = hang
        tasks = asyncio.all_tasks()
        running = start(shop)
        await send(shop, "hello")
        await hangs.wait()
        shop.delivery.stop()
        running.cancel()
        await asyncio.wait([running])

        assert running.cancelled()
        assert asyncio.all_tasks() == tasks
        ((_, first),) = shop.sent
        assert await shop.texts() == ["hello"] * has_effect
    async with run_shop() as shop:
        await shop.delivery.settle()

        ((_, second),) = shop.sent
        assert second.key == first.key
        assert await shop.texts() == ["hello"]


async def test_a_store_that_fails_at_the_end_stops_no_neighbour_and_raises_nothing(
    run_shop: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_shop(deliver=False) as shop:
        running = start(shop)
        await shop.orders.place("a")
        await shop.delivery.settle()

        async def fail() -> None:
            raise OSError("disk full")

        (tell,) = [c for c in shop.delivery._consumers if c.name == "letters.tell"]
        tell._save_cursor = fail  # type: ignore[method-assign]
        shop.delivery.stop()
        await running

        assert "letters.tell: how far orders was read was not saved" in caplog.text
        saved = (
            "select max(s.position) from (select consumer, position from outgrow_cursor "
            "union all select consumer, position from outgrow_share) s where s.consumer = ?"
        )
        assert await shop.rows("letters", saved, "letters.tell") == [(0,)]
        assert await shop.rows("orders", saved, "orders.see_own") == [(1,)]
    async with run_shop() as shop:
        await shop.delivery.settle()
        assert await shop.texts() == ["a placed 1"]


async def test_a_delivery_that_is_told_to_stop_forgets_no_further_replies(run_shop: Run) -> None:
    async with run_shop(deliver=False) as shop:

        async def fill(tx: Any) -> None:
            for n in range(600):
                await tx.own(EXPIRED_ROW, (str(n),))

        await shop.stores["orders"].transact(fill)
        inbox = shop.inboxes["orders"]
        forget_some = inbox._prune_some

        async def stop_and_forget(check: Any) -> int:
            shop.delivery.stop()
            return await forget_some(check)

        inbox._prune_some = stop_and_forget  # type: ignore[method-assign]
        await shop.delivery.run()

        assert await shop.rows("orders", "select count(*) from outgrow_inbox") == [(600 - 256,)]
