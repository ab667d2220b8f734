"""
19. A command that was sent fails ten times and then succeeds, or never: it is parked, listed, and
an operator's retry works; of several sent at once, one fails while another hangs.

What can be said without sagas. With them come: an undo that fails ten times and then succeeds, or
never, and parallel branches of a run.
"""

from __future__ import annotations

import asyncio

from outgrow.journal.consumers.waiting import ATTEMPTS_MAX
from tests.faults.test_18_destination_away import SENDER, parked, send
from tests.journal.conftest import Run
from tests.journal.shop import Shop

FAILURES = 10


def fail(shop: Shop, times: float) -> None:
    """Let letters not be written so and so often, wherever that is tried."""
    right, left = shop.letters_service._add, times

    async def add(tx, text):
        nonlocal left
        if text == "bad" and left > 0:
            left -= 1
            raise RuntimeError("the pen is dry")
        await right(tx, text)

    shop.letters_service._add = add


async def test_what_fails_ten_times_is_parked_and_succeeds_when_an_operator_asks(
    shop: Shop,
) -> None:
    fail(shop, FAILURES)
    await send(shop, "bad", "good")
    await shop.settle_all()
    assert await shop.texts() == ["good"]
    (key,) = await parked(shop)
    assert len(shop.sent) == ATTEMPTS_MAX + 1

    await shop.delivery.replay(SENDER, key)
    await shop.settle_all()

    assert sorted(await shop.texts()) == ["bad", "good"]
    assert await parked(shop) == []
    assert len(shop.sent) == FAILURES + 2


async def test_what_never_succeeds_stays_parked_and_is_listed_with_its_reason(
    run_shop: Run,
) -> None:
    async with run_shop() as shop:
        fail(shop, float("inf"))
        await send(shop, "bad")
        await shop.settle_all()
        (key,) = await parked(shop)
        for _ in range(3):
            await shop.delivery.replay(SENDER, key)
            await shop.settle_all()
        assert await parked(shop) == [key]
        keys, _ = await shop.delivery.overview.waiting()
        (told,) = [one for one in keys if one.state == "parked"]
        assert "the pen is dry" in told.error
        assert (told.consumer, told.key) == (SENDER, key)
    async with run_shop() as shop:
        await shop.settle_all()  # It knows what is its own to do by then.
        assert await parked(shop) == [key], "also after a restart"
        await shop.delivery.replay(SENDER, key)
        await shop.settle_all()
        assert await shop.texts() == ["bad"]


async def test_one_that_hangs_and_one_that_fails_do_not_stop_the_others(shop: Shop) -> None:
    """A call that hangs ends with its deadline; those who were sent with it are answered."""
    fail(shop, 1)
    right, hung = shop.delivery._posts["orders"].call, asyncio.Event()

    async def hang_once(name, context, body):
        if b"slow" in body and not hung.is_set():
            hung.set()
            raise TimeoutError("as if it had hung until its deadline")
        return await right(name, context, body)

    shop.delivery._posts["orders"].call = hang_once
    await send(shop, "slow", "bad", "good")
    await shop.settle_all()

    assert sorted(await shop.texts()) == ["bad", "good", "slow"]
    assert await parked(shop) == []
