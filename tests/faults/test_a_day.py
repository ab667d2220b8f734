"""A day and more of fake time: timers, what is remembered, what is parked and what expires."""

from __future__ import annotations

from datetime import timedelta

from outgrow.calls import using
from outgrow.errors import ServiceUnreachable
from outgrow.journal.consumers.waiting import ATTEMPTS_MAX
from outgrow.store import Transaction
from tests.faults.test_18_destination_away import SENDER, send
from tests.journal.nats.parts import wait_until
from tests.journal.orders import OrderPlaced
from tests.journal.shop import Shop

HOURS = 30
HOUR_SECONDS = 3600
KEPT_HOURS = 24
STEPS_PER_HOUR = 4


async def pass_an_hour(shop: Shop) -> None:
    """In steps, and whatever is due meanwhile happens."""
    for _ in range(STEPS_PER_HOUR):
        shop.clock.advance(HOUR_SECONDS / STEPS_PER_HOUR)
        await shop.settle_all()


async def remembered(shop: Shop) -> set[str]:
    """The keys of the commands that are remembered."""
    rows = await shop.rows("orders", "select key from outgrow_inbox where key like 'hour%'")
    return {key for (key,) in rows}


async def remind(tx: Transaction, hours: int) -> None:
    event = OrderPlaced(order_id=f"after {hours}", cents=hours)
    await tx.later(timedelta(hours=hours, minutes=-1)).record(event)


async def reminded(shop: Shop) -> list[int]:
    """After how many hours those timers were set that have come."""
    texts = [text for text in await shop.texts() if text.startswith("after ")]
    return [int(text.rpartition(" ")[2]) for text in texts]


async def test_timers_memory_parking_and_expiry_over_a_day(shop: Shop) -> None:
    orders = shop.stores["orders"]
    for hours in range(1, HOURS, 3):
        await orders.transact(remind, hours)
    shop.letters_service.broken = {"bad"}
    await using(shop.orders, key="bad").place("bad", 0)

    for hour in range(HOURS):
        await using(shop.orders, key=f"hour {hour}").place("good", hour)
        await pass_an_hour(shop)
        assert await reminded(shop) == [n for n in range(1, HOURS, 3) if n <= hour + 1]
        expected = {f"hour {n}" for n in range(max(hour + 2 - KEPT_HOURS, 0), hour + 1)}
        await wait_until(lambda e=expected: keeps(shop, e))

    good = [text for text in await shop.texts() if text.startswith("good")]
    assert good == [f"good placed {hour}" for hour in range(HOURS)]
    (told,) = [s for s in await shop.delivery.statistics() if s.consumer == "letters.tell"]
    assert told.parked == ("bad",)
    assert shop.letters_service.attempts == HOURS + len(await reminded(shop)) + ATTEMPTS_MAX
    assert await shop.rows("orders", "select count(*) from outgrow_timer") == [(0,)]


async def keeps(shop: Shop, expected: set[str]) -> bool:
    """Whether these are the keys that are remembered, after another moment."""
    shop.clock.advance(0.01)
    return await remembered(shop) == expected


async def test_a_repeat_is_known_for_a_day_and_a_new_command_after_it(shop: Shop) -> None:
    await using(shop.orders, key="hour").place("a", 1)
    for _ in range(KEPT_HOURS - 1):
        await pass_an_hour(shop)
    await using(shop.orders, key="hour").place("a", 1)
    assert await shop.orders.count() == 1

    await pass_an_hour(shop)
    await wait_until(lambda: keeps(shop, set()))
    await using(shop.orders, key="hour").place("a", 1)

    assert await shop.orders.count() == 2


async def test_what_could_not_be_sent_for_a_day_is_parked_and_nothing_is_sent_twice(
    shop: Shop,
) -> None:
    shop.call_error = ServiceUnreachable("letters.write", "nobody answers", may_have_run=True)
    await send(shop, "early")
    for hour in range(KEPT_HOURS + 1):
        shop.clock.advance(HOUR_SECONDS)
        await shop.delivery.settle()
        if hour == KEPT_HOURS - 2:
            await send(shop, "late")
    shop.call_error = None
    await shop.settle_all()

    (told,) = [s for s in await shop.delivery.statistics() if s.consumer == SENDER]
    assert told.parked_count == 1
    assert await shop.texts() == ["late"]
