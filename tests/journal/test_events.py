import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from outgrow.contracts import NotFinite
from outgrow.errors import ControlError, EventTooLarge, InvalidService, NotTheOwner
from outgrow.journal import on
from tests.journal.conftest import Run
from tests.journal.orders import Noted, OrderCancelled, OrderPlaced, Parcel, Receipt, Weighed
from tests.journal.shop import Shop


async def record(shop: Shop, *events, fail: bool = False):
    """Record *events* of orders in one unit, which then perhaps fails."""

    async def unit(tx):
        for event in events:
            await tx.record(event)
        if fail:
            raise RuntimeError("after all not")

    await shop.stores["orders"].transact(unit)


def placed(order_id: str, cents: int = 1) -> OrderPlaced:
    return OrderPlaced(order_id=order_id, cents=cents)


def of_key(texts: list[str], order_id: str) -> list[str]:
    return [text for text in texts if text.startswith(f"{order_id} ")]


async def test_an_event_reaches_its_handlers(shop: Shop):
    await shop.orders.place("a", 5)
    await shop.delivery.settle()
    assert await shop.texts() == ["a placed 5"]


async def test_a_handler_that_is_ahead_of_its_source_is_told_of(
    run_shop: Run,
    empty_store: Callable[[str], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
):
    async with run_shop() as shop:
        await record(shop, placed("a"), placed("b"))
        await shop.delivery.settle()
    async with run_shop() as shop:
        await shop.delivery.settle()
    assert caplog.messages == []
    await empty_store("orders")

    async with run_shop() as shop:
        await shop.delivery.settle()
        async with asyncio.timeout(5):
            while not any("up to position 2" in message for message in caplog.messages):
                await shop.delivery.activity()

    told = [m for m in caplog.messages if m.startswith("letters.tell ")]
    assert len(told) == 1, caplog.messages
    assert "the journal ends at 0: the store of 'orders' was replaced by an older one" in told[0]


async def test_a_handler_listens_to_events_of_its_own_service(shop: Shop):
    await shop.orders.place("a", 5)
    await shop.delivery.settle()
    assert await shop.rows("orders", "select text from seen") == [("a",)]


async def test_an_event_of_a_unit_that_is_rolled_back_is_never_delivered(shop: Shop):
    with pytest.raises(RuntimeError):
        await record(shop, placed("a"), fail=True)
    await record(shop, placed("b"))
    await shop.delivery.settle()
    assert await shop.texts() == ["b placed 1"]


async def test_events_arrive_in_the_order_recorded_across_event_types(shop: Shop):
    for n in range(50):
        await record(shop, placed("a", n), OrderCancelled(order_id="a"))
    await shop.delivery.settle()
    expected = [text for n in range(50) for text in (f"a placed {n}", "a cancelled")]
    assert await shop.texts() == expected


async def test_what_a_handler_records_has_the_callers_correlation_and_trace(shop: Shop):
    await shop.orders.place("a", 5)
    await shop.delivery.settle()
    columns = "select correlation_id, substr(trace, 4, 32), caller, id, cause from outgrow_journal"
    (first,) = await shop.rows("orders", columns)
    (second,) = await shop.rows("letters", columns)
    assert second[:3] == first[:3]
    assert second[4] == f"{first[3]}/letters.tell"


async def test_a_handler_that_fails_twice_then_works_has_its_effect_once(shop: Shop):
    shop.letters_service.failures = 2
    await shop.orders.place("a", 5)
    assert await shop.delivery.settle() == 0.5
    assert await shop.texts() == []
    shop.clock.advance(0.5)
    assert await shop.delivery.settle() == 1.0
    shop.clock.advance(0.9)
    await shop.delivery.settle()
    assert shop.letters_service.attempts == 2
    shop.clock.advance(0.1)
    assert await shop.delivery.settle() is None
    assert await shop.texts() == ["a placed 5"]


async def test_later_events_of_a_key_wait_in_order_while_other_keys_flow(shop: Shop):
    shop.letters_service.broken.add("a")
    await record(shop, placed("a", 1), placed("b", 1), OrderCancelled(order_id="a"))
    await shop.delivery.settle()
    await record(shop, placed("a", 2), placed("b", 2))
    await shop.delivery.settle()
    assert await shop.texts() == ["b placed 1", "b placed 2"]
    shop.letters_service.broken.clear()
    await shop.settle_all()
    assert of_key(await shop.texts(), "a") == ["a placed 1", "a cancelled", "a placed 2"]


async def test_a_key_is_parked_after_eight_attempts_and_others_flow(shop: Shop):
    shop.letters_service.broken.add("a")
    await record(shop, placed("a", 1), placed("a", 2))
    await shop.settle_all()
    assert shop.letters_service.attempts == 8
    await record(shop, placed("b"))
    await shop.settle_all()
    assert await shop.texts() == ["b placed 1"]
    (tell,) = [s for s in await shop.delivery.statistics() if s.consumer == "letters.tell"]
    assert (tell.parked, tell.waiting, tell.lag) == (("a",), 2, 0)
    assert tell.attempts_failed == 8


async def test_a_replay_after_the_fix_has_each_effect_once(shop: Shop):
    shop.letters_service.broken.add("a")
    await record(shop, placed("a", 1), OrderCancelled(order_id="a"))
    await shop.settle_all()
    shop.letters_service.broken.clear()
    assert await shop.delivery.replay("letters.tell", "a") == 2
    await shop.settle_all()
    assert await shop.texts() == ["a placed 1", "a cancelled"]
    assert await shop.delivery.replay("letters.tell", "a") == 0
    await shop.settle_all()
    assert await shop.texts() == ["a placed 1", "a cancelled"]


async def test_a_replay_for_nobody_is_refused(shop: Shop):
    with pytest.raises(ControlError, match=r"letters\.tell"):
        await shop.delivery.replay("letters.tall", "a")


async def test_events_without_a_key_do_not_wait_for_each_other(shop: Shop):
    await record(shop, *[Noted(text=str(n)) for n in range(3)])
    rows = await shop.rows("orders", "select key, partition from outgrow_journal")
    assert [key for key, _ in rows] == [None] * 3


async def test_a_waiting_key_goes_on_after_a_restart(run_shop: Run):
    async with run_shop() as shop:
        shop.letters_service.broken.add("a")
        await record(shop, placed("a", 1), placed("a", 2))
        await shop.delivery.settle()
    async with run_shop() as shop:
        await record(shop, placed("a", 3), placed("b", 1))
        await shop.settle_all()
        assert of_key(await shop.texts(), "a") == ["a placed 1", "a placed 2", "a placed 3"]
        assert of_key(await shop.texts(), "b") == ["b placed 1"]


async def test_a_parked_key_stays_parked_after_a_restart(run_shop: Run):
    async with run_shop() as shop:
        shop.letters_service.broken.add("a")
        await record(shop, placed("a", 1))
        await shop.settle_all()
    async with run_shop() as shop:
        await record(shop, placed("a", 2))
        await shop.settle_all()
        assert shop.letters_service.attempts == 0
        await shop.delivery.replay("letters.tell", "a")
        await shop.settle_all()
        assert await shop.texts() == ["a placed 1", "a placed 2"]


async def test_attempts_are_counted_across_restarts(run_shop: Run):
    async with run_shop() as shop:
        shop.letters_service.broken.add("a")
        await record(shop, placed("a"))
        await shop.delivery.settle()
    attempts = shop.letters_service.attempts
    for _ in range(10):
        async with run_shop() as shop:
            shop.letters_service.broken.add("a")
            shop.clock.advance(await shop.delivery.settle() or 0)
        attempts += shop.letters_service.attempts
    async with run_shop() as shop:
        await shop.settle_all()
        assert shop.letters_service.attempts == 0
    assert attempts == 8


async def test_what_was_recorded_while_nobody_delivered_is_delivered(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a", 1))
    async with run_shop() as shop:
        await shop.delivery.settle()
        assert await shop.texts() == ["a placed 1"]


async def test_a_lost_cursor_has_no_second_effect(run_shop: Run):
    async with run_shop() as shop:
        for n in range(300):
            await record(shop, placed(str(n % 7), n))
        shop.letters_service.broken.add("3")
        await record(shop, placed("3", 1000), placed("3", 1001))
        await shop.delivery.settle()
        texts = await shop.texts()
    for position in (0, 150):
        async with run_shop(deliver=False) as shop:
            await set_cursor(shop, position)
        async with run_shop() as shop:
            shop.letters_service.broken.add("3")
            await shop.delivery.settle()
            assert await shop.texts() == texts


async def set_cursor(shop: Shop, position: int):
    async def unit(tx):
        await tx.own("update outgrow_cursor set position = ?", (position,))

    for store in shop.stores.values():
        await store.transact(unit)


async def test_a_new_handler_starts_with_what_is_recorded_after_its_first_start(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a", 1))
        await forget_consumers(shop)
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a", 2))  # its start is durable, though nothing was delivered
    async with run_shop() as shop:
        await shop.delivery.settle()
        assert await shop.texts() == ["a placed 2"]


async def forget_consumers(shop: Shop):
    async def unit(tx):
        await tx.own("delete from outgrow_cursor")

    for store in shop.stores.values():
        await store.transact(unit)


async def test_a_new_handler_since_the_beginning_is_given_all(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a", 1), Noted(text="one"), Noted(text="two"))
        await forget_consumers(shop)
    async with run_shop() as shop:
        await shop.delivery.settle()
        seen = await shop.rows("orders", "select text from seen order by number")
        assert seen == [("note one",), ("note two",)]


async def test_an_event_of_another_service_is_refused(shop: Shop):
    async def unit(tx):
        await tx.record(placed("a"))

    with pytest.raises(NotTheOwner, match=r"'letters'.*'orders'"):
        await shop.stores["letters"].transact(unit)


async def test_what_is_no_event_is_refused_when_it_is_recorded(shop: Shop):
    with pytest.raises(TypeError, match="Receipt, which is no event"):
        await record(shop, Receipt(order_id="a", number=1))


async def test_an_event_that_is_too_large_is_refused_when_it_is_recorded(shop: Shop):
    await record(shop, Noted(text="x" * (256 * 1024 - 11)))
    with pytest.raises(EventTooLarge, match="Noted"):
        await record(shop, Noted(text="x" * (256 * 1024 - 10)))


async def test_an_event_with_a_number_that_json_has_not_is_refused_when_it_is_recorded(shop: Shop):
    parcels = [Parcel(grams=1.5, note="null"), Parcel(grams=2.5), Parcel(grams=float("nan"))]
    await record(shop, Weighed(parcels=parcels[:2]))
    with pytest.raises(NotFinite, match=r"orders\.Weighed\.parcels\[2\]\.grams: nan is no finite"):
        await record(shop, Weighed(parcels=parcels))


async def test_an_event_that_does_not_fit_its_class_any_more_is_parked_and_told(shop: Shop):
    async def spoil(tx):
        await tx.record(placed("a"))
        tx.entries[0] = (*tx.entries[0][:-1], '{"order_id": 7}')

    await shop.stores["orders"].transact(spoil)
    await shop.settle_all()
    rows = await shop.rows("letters", "select state, error from outgrow_waiting")
    assert rows[0][0] == "parked"
    assert "EventUnreadable" in rows[0][1]


async def test_a_handler_that_waits_for_something_else_fails_alone(shop: Shop):
    original = shop.letters_service._add

    async def wait_first(tx, text):
        if text.startswith("a "):
            await asyncio.get_running_loop().create_future()
        await original(tx, text)

    shop.letters_service._add = wait_first
    await record(shop, placed("a"), placed("b"))
    await shop.delivery.settle()
    assert await shop.texts() == ["b placed 1"]


async def test_a_handler_that_rolls_the_batch_back_harms_no_neighbour(shop: Shop):
    original = shop.letters_service._add

    async def lose(tx, text):
        await original(tx, text)
        if text.startswith("bad "):
            await tx.execute("insert or rollback into letters (number, text) values (1, 'x')")

    shop.letters_service._add = lose
    await record(shop, *[placed(str(n)) for n in range(20)], placed("bad"), placed("19", 2))
    await record(shop, *[placed(str(n), 3) for n in range(20)])
    await shop.delivery.settle()
    texts = await shop.texts()
    assert len(texts) == 41
    assert of_key(texts, "19") == ["19 placed 1", "19 placed 2", "19 placed 3"]


async def test_random_failures_and_restarts_lose_double_and_reorder_nothing(run_shop: Run):
    chance = random.Random(11)
    recorded: dict[str, list[str]] = {}
    number = 0
    for _ in range(6):
        async with run_shop() as shop:
            service = shop.letters_service
            service.broken = {key for key in "abcdefgh" if chance.random() < 0.4}
            service.failures = chance.randrange(5)
            for _ in range(30):
                events = []
                for _ in range(chance.randrange(1, 5)):
                    number += 1
                    key = chance.choice("abcdefgh")
                    events.append(placed(key, number))
                    recorded.setdefault(key, []).append(f"{key} placed {number}")
                await record(shop, *events)
                if chance.random() < 0.2:
                    seconds = await shop.delivery.settle()
                    if seconds is not None:
                        shop.clock.advance(seconds)
    async with run_shop() as shop:
        for key in "abcdefgh":
            await shop.delivery.replay("letters.tell", key)
        await shop.settle_all()
        texts = await shop.texts()
        assert {key: of_key(texts, key) for key in recorded} == recorded
        assert len(texts) == number


async def test_a_consumer_whose_commits_were_lost_begins_again_where_its_store_stands(shop: Shop):
    for n in range(3):
        await record(shop, placed("a", n))
    await shop.delivery.settle()

    async def set_back(tx):
        await tx.own("delete from letters where number > 1")
        await tx.own("update outgrow_highwater set position = 1 where consumer = 'letters.tell'")

    await shop.stores["letters"].transact(set_back)
    await record(shop, placed("a", 3))
    await until_interrupted(shop)
    shop.clock.advance(1)
    await shop.delivery.settle()
    assert await shop.texts() == [f"a placed {n}" for n in range(4)]


async def test_settling_tells_when_a_consumer_goes_on_that_was_interrupted(shop: Shop):
    await shop.delivery.settle()
    (tell,) = [c for c in shop.delivery._consumers if c.name == "letters.tell"]
    fetch = tell._fetch

    async def fail_once():
        tell._fetch = fetch
        raise OSError("disk full")

    tell._fetch = fail_once
    await record(shop, placed("a"))
    async with asyncio.timeout(10):
        assert await shop.delivery.settle() == 1.0
    assert await shop.texts() == []
    shop.clock.advance(1.0)
    assert await shop.delivery.settle() is None
    assert await shop.texts() == ["a placed 1"]


async def until_interrupted(shop: Shop):
    """Wait until letters.tell has found out that it is out of step."""
    (tell,) = [c for c in shop.delivery._consumers if c.name == "letters.tell"]
    while tell._is_loaded:
        await shop.rows("letters", "select 1")


async def test_a_handler_that_is_told_of_two_events_keeps_one_order(run_shop: Run):
    async with run_shop() as shop:
        shop.letters_service.broken.add("a")
        await record(shop, placed("a", 1), OrderCancelled(order_id="a"), placed("a", 2))
        await shop.settle_all()
    async with run_shop() as shop:
        await record(shop, OrderCancelled(order_id="a"))
        await shop.delivery.replay("letters.tell", "a")
        await shop.settle_all()
        expected = ["a placed 1", "a cancelled", "a placed 2", "a cancelled"]
        assert await shop.texts() == expected


def test_a_method_that_cannot_take_an_event_is_refused():
    with pytest.raises(InvalidService, match=r"async def hear\(self, tx: Transaction, event"):

        @on(OrderPlaced)
        def hear(event):
            pass

    with pytest.raises(InvalidService, match=r"@on\(OrderPlaced\)"):

        @on(str)
        async def listen(self, tx, event):
            pass


async def test_a_handler_far_behind_lets_others_run_while_it_catches_up(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        for n in range(30):
            await record(shop, *[placed(str(k), n) for k in range(1000)])

        async def handled(tx):  # as if all had been delivered and only the cursor was lost
            rows = await tx.own("select partition from outgrow_highwater")
            assert rows == []
            for partition in range(32):
                row = ("letters.tell", "orders", partition, 30_000)
                await tx.own("insert into outgrow_highwater values (?, ?, ?, ?)", row)

        await shop.stores["letters"].transact(handled)
    async with run_shop() as shop:
        turns = 0
        (tell,) = [c for c in shop.delivery._consumers if c.name == "letters.tell"]
        while tell.position < 30_000:
            await shop.orders.count()
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0)
            turns += 1
        assert turns > 30
        assert await shop.texts() == []
