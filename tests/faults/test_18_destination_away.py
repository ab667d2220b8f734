"""
18. Whom a command was sent to is down past its deadline, answers late, or is asked again.

What can be said without sagas. With them come: the coordinator killed at each step and at each
undo, a late reply after the undo, an undo that arrives before what it undoes.
"""

from __future__ import annotations

import asyncio

from outgrow.calls import using
from outgrow.errors import CallTimedOut, ServiceUnreachable
from outgrow.journal.messages import DEADLINE_SECONDS
from tests.journal.conftest import Run
from tests.journal.shop import Shop

SENDER = "orders -> letters"
DAY_SECONDS = 24 * 3600


async def send(shop: Shop, *texts: str) -> None:
    async def unit(tx):
        for text in texts:
            await tx.send(shop.letters.write, text)

    await shop.stores["orders"].transact(unit)


def away() -> ServiceUnreachable:
    return ServiceUnreachable("letters.write", "nobody answers", may_have_run=True)


async def parked(shop: Shop) -> list[str]:
    (told,) = [s for s in await shop.delivery.statistics() if s.consumer == SENDER]
    return list(told.parked)


async def test_a_destination_that_is_away_longer_than_a_call_may_take_is_asked_until_it_is_back(
    shop: Shop,
) -> None:
    shop.call_error = away()
    await send(shop, "one", "two")
    waited = 0.0
    while waited < 30 * DEADLINE_SECONDS:
        seconds = await shop.delivery.settle()
        assert seconds is not None, "it is tried again"
        shop.clock.advance(seconds)
        waited += seconds
    shop.call_error = None
    await shop.settle_all()

    assert sorted(await shop.texts()) == ["one", "two"]
    assert await parked(shop) == []


async def test_a_destination_that_is_away_for_longer_than_keys_are_kept_is_for_an_operator(
    shop: Shop,
) -> None:
    """Nobody knows any more whether it was done, so nothing does it again by itself."""
    shop.call_error = away()
    await send(shop, "one")
    await shop.delivery.settle()
    shop.clock.advance(DAY_SECONDS)
    shop.call_error = None
    await shop.settle_all()
    assert await shop.texts() == []
    (key,) = await parked(shop)

    await shop.delivery.replay(SENDER, key)
    await shop.settle_all()

    assert await shop.texts() == ["one"]
    assert await parked(shop) == []


async def test_an_answer_that_comes_too_late_is_an_answer_to_the_repeat(shop: Shop) -> None:
    """The first call has its effect, and its sender is told that its time was over."""
    right, late = shop.delivery._posts["orders"].call, 2

    async def answer_late(name, context, body):
        nonlocal late
        reply = await right(name, context, body)
        if late:
            late -= 1
            raise CallTimedOut(name, "its deadline passed", may_have_run=True)
        return reply

    shop.delivery._posts["orders"].call = answer_late
    await send(shop, "one", "two")
    await shop.settle_all()

    assert sorted(await shop.texts()) == ["one", "two"]
    assert len(shop.sent) == 4
    keys = {context.key for _, context in shop.sent}
    assert len(keys) == 2, "a repeat has the key of its first call"


async def test_a_repeat_that_overtakes_its_first_call_is_the_same_command(shop: Shop) -> None:
    async def write() -> None:
        await using(shop.letters, key="the same").write("hello")

    await asyncio.gather(*(write() for _ in range(8)), return_exceptions=True)
    await write()

    assert await shop.texts() == ["hello"]


async def test_a_sender_that_ends_between_the_call_and_the_note_of_it_calls_again(
    run_shop: Run,
) -> None:
    async with run_shop() as shop:
        await send(shop, "one", "two")
        await shop.settle_all()

        async def forget(tx):
            await tx.own("update outgrow_cursor set position = 0 where consumer = ?", (SENDER,))

        await shop.stores["orders"].transact(forget)
    async with run_shop() as shop:
        await shop.settle_all()
        assert sorted(await shop.texts()) == ["one", "two"]
        assert len(shop.sent) == 2, "it was called again"
