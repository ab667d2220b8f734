"""What is said at a later moment: once, in order, with the state, and not at all if taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.context import Caller, Context, enter, leave
from outgrow.errors import (
    CallRefused,
    EventTooLarge,
    NotTheOwner,
    StatementRefused,
    StoreUnreachable,
    TimerExists,
    TimerRefused,
)
from outgrow.journal.timing import book, firing
from outgrow.store import Transaction
from tests.journal.conftest import Run
from tests.journal.letters import Written
from tests.journal.orders import Noted
from tests.journal.shop import Shop
from tests.journal.test_events import placed

HOUR = timedelta(hours=1)
FIRST = datetime(2030, 1, 1, tzinfo=UTC)
Unit = Callable[[Transaction], Awaitable[Any]]


async def do(shop: Shop, unit: Unit) -> Any:
    return await shop.stores["orders"].transact(unit)


async def move(shop: Shop, ahead: timedelta) -> None:
    shop.clock.advance(ahead.total_seconds())
    await shop.settle_all()


async def count(shop: Shop) -> int:
    ((timers,),) = await shop.rows("orders", "select count(*) from outgrow_timer")
    return timers


async def test_an_event_is_recorded_when_it_is_due_and_not_before(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(HOUR).record(placed("a", 5)))
    await move(shop, HOUR - timedelta(microseconds=1))
    early = await shop.texts()
    await move(shop, timedelta(microseconds=1))

    assert early == []
    assert await shop.texts() == ["a placed 5"]
    assert await shop.rows("orders", "select id, kind, recorded_at from outgrow_journal") == [
        (timer, "event", "2030-01-01T01:00:00.000000Z")
    ]
    assert await count(shop) == 0


async def test_a_command_is_sent_when_it_is_due_under_the_timers_id(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(FIRST + HOUR).send(shop.letters.write, "hello"))
    await move(shop, HOUR)

    assert await shop.texts() == ["hello"]
    ((_, context),) = shop.sent
    assert context.key == timer


async def test_a_command_that_waited_for_a_month_is_sent_all_the_same(shop: Shop):
    """A command is too old a day after it was due, and not after it was set."""
    await do(shop, lambda tx: tx.later(timedelta(days=30)).send(shop.letters.write, "hello"))
    await move(shop, timedelta(days=30))

    assert await shop.texts() == ["hello"]


async def test_settling_moves_no_clock_to_a_timer(shop: Shop):
    await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))

    assert await shop.delivery.settle() is None
    assert await shop.texts() == []


async def test_a_timer_of_a_unit_that_is_rolled_back_never_was(shop: Shop):
    async def fail(tx: Transaction) -> None:
        await tx.later(HOUR).record(placed("a"))
        raise RuntimeError("after all not")

    with pytest.raises(RuntimeError):
        await do(shop, fail)
    await move(shop, HOUR)

    assert await shop.texts() == []


async def test_timers_fire_in_the_order_in_which_they_are_due(shop: Shop, monkeypatch):
    monkeypatch.setattr(firing, "TIMERS_PER_TURN", 3)

    async def set_all(tx: Transaction) -> None:
        for n in (5, 1, 4, 2, 3, 2, 1):
            await tx.later(n * HOUR).record(placed("a", n))

    await do(shop, set_all)
    await move(shop, 5 * HOUR)

    assert await shop.texts() == [f"a placed {n}" for n in (1, 1, 2, 2, 3, 4, 5)]


async def test_timers_of_the_same_moment_fire_in_the_order_in_which_they_were_set(shop: Shop):
    async def set_all(tx: Transaction) -> None:
        for n in range(50):
            await tx.later(FIRST + HOUR).record(placed("a", n))

    await do(shop, set_all)
    await move(shop, HOUR)

    assert await shop.texts() == [f"a placed {n}" for n in range(50)]


async def test_an_earlier_timer_that_is_set_later_does_not_wait_for_the_first(shop: Shop):
    await do(shop, lambda tx: tx.later(10 * HOUR).record(placed("late")))
    await shop.settle_all()
    await do(shop, lambda tx: tx.later(HOUR).record(placed("early")))
    await shop.settle_all()
    await move(shop, HOUR)

    assert await shop.texts() == ["early placed 1"]


async def test_nothing_is_looked_at_until_a_timer_is_due(shop: Shop):
    """But once a second if another process may have set an earlier one."""
    await do(shop, lambda tx: tx.later(timedelta(seconds=30)).record(placed("a")))
    await shop.settle_all()
    looks = 0
    turn = shop.delivery._posts["orders"].timers._turn

    async def count_turn() -> float:
        nonlocal looks
        looks += 1
        return await turn()

    shop.delivery._posts["orders"].timers._turn = count_turn
    for _ in range(29):
        shop.clock.advance(1)
        await shop.delivery.settle()
    assert looks == (29 if shop.stores["orders"].is_shared else 0)
    shop.clock.advance(1)
    await shop.delivery.settle()
    assert looks > 29 or not shop.stores["orders"].is_shared
    assert await shop.texts() == ["a placed 1"]


async def test_a_moment_that_has_passed_is_due_at_once(shop: Shop):
    await do(shop, lambda tx: tx.later(FIRST - HOUR).record(placed("a")))
    await do(shop, lambda tx: tx.later(-HOUR).record(placed("b")))
    await shop.settle_all()

    assert await shop.texts() == ["a placed 1", "b placed 1"]


async def test_a_timer_that_was_cancelled_does_not_happen(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))

    assert await do(shop, lambda tx: tx.cancel(timer))
    assert not await do(shop, lambda tx: tx.cancel(timer))
    await move(shop, HOUR)
    assert await shop.texts() == []


async def test_a_cancel_that_is_rolled_back_cancels_nothing(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))

    async def fail(tx: Transaction) -> None:
        assert await tx.cancel(timer)
        raise RuntimeError("after all not")

    with pytest.raises(RuntimeError):
        await do(shop, fail)
    await move(shop, HOUR)

    assert await shop.texts() == ["a placed 1"]


async def test_a_timer_that_has_fired_can_be_neither_cancelled_nor_moved(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    await move(shop, HOUR)

    assert not await do(shop, lambda tx: tx.cancel(timer))
    assert not await do(shop, lambda tx: tx.reschedule(timer, HOUR))
    await move(shop, 2 * HOUR)
    assert await shop.texts() == ["a placed 1"]


async def test_a_timer_is_moved_to_a_later_and_to_an_earlier_moment(shop: Shop):
    timer = await do(shop, lambda tx: tx.later(2 * HOUR).record(placed("a")))

    assert await do(shop, lambda tx: tx.reschedule(timer, 3 * HOUR))
    await move(shop, 2 * HOUR)
    assert await shop.texts() == []
    assert await do(shop, lambda tx: tx.reschedule(timer, timedelta(minutes=1)))
    await shop.settle_all()
    await move(shop, timedelta(minutes=1))
    assert await shop.texts() == ["a placed 1"]


async def test_a_timer_is_known_by_its_name_for_one_at_a_time(shop: Shop):
    await do(shop, lambda tx: tx.later(HOUR, name="remind a").record(placed("a")))

    with pytest.raises(TimerExists, match="'remind a' is set already"):
        await do(shop, lambda tx: tx.later(HOUR, name="remind a").record(placed("b")))
    assert await do(shop, lambda tx: tx.reschedule("remind a", 2 * HOUR))
    await move(shop, 2 * HOUR)
    await do(shop, lambda tx: tx.later(HOUR, name="remind a").record(placed("c")))
    assert await do(shop, lambda tx: tx.cancel("remind a"))
    await do(shop, lambda tx: tx.later(HOUR, name="remind a").record(placed("d")))
    await move(shop, HOUR)

    assert await shop.texts() == ["a placed 1", "d placed 1"]


async def test_a_unit_may_go_on_after_a_name_was_taken(shop: Shop):
    await do(shop, lambda tx: tx.later(HOUR, name="x").record(placed("a")))

    async def set_or_move(tx: Transaction) -> None:
        try:
            await tx.later(2 * HOUR, name="x").record(placed("b"))
        except TimerExists as error:
            await tx.reschedule(error.name, 2 * HOUR)

    await do(shop, set_or_move)
    await move(shop, HOUR)
    assert await shop.texts() == []
    await move(shop, HOUR)
    assert await shop.texts() == ["a placed 1"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x00b", "\ud800"])
async def test_a_name_that_nobody_could_type_is_refused(shop: Shop, name: str):
    with pytest.raises(TimerRefused, match="cannot be the name of a timer"):
        await do(shop, lambda tx: tx.later(HOUR, name=name).record(placed("a")))


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (datetime(2030, 1, 2), "no time zone"),  # noqa: DTZ001 - that is what is refused
        (FIRST + timedelta(days=3_661), "further away"),
        (timedelta(days=3_661), "further away"),
        (timedelta.max, "further away"),
        (5, "5 is neither a moment nor how long"),
        (None, "None is neither"),
    ],
)
async def test_a_moment_that_cannot_be_is_refused(shop: Shop, when: Any, why: str):
    with pytest.raises(TimerRefused, match=why):
        await do(shop, lambda tx: tx.later(when).record(placed("a")))
    timer = await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    with pytest.raises(TimerRefused, match=why):
        await do(shop, lambda tx: tx.reschedule(timer, when))


async def test_what_cannot_be_said_now_cannot_be_said_later(shop: Shop):
    with pytest.raises(NotTheOwner):
        await do(shop, lambda tx: tx.later(HOUR).record(Written(text="not mine")))
    with pytest.raises(EventTooLarge):
        await do(shop, lambda tx: tx.later(HOUR).record(Noted(text="x" * 300_000)))
    with pytest.raises(CallRefused):
        await do(shop, lambda tx: tx.later(HOUR).send(shop.orders.append, "a"))


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_timer_that_is_not_awaited_is_refused(shop: Shop):
    async def forgets(tx: Transaction) -> None:
        tx.later(HOUR).record(placed("a"))

    with pytest.raises(StatementRefused, match="were not awaited"):
        await do(shop, forgets)


async def test_a_service_has_so_many_timers_and_no_more(shop: Shop, monkeypatch):
    monkeypatch.setattr(book, "TIMERS_MAX", 3)
    await shop.settle_all()  # What is there was counted.
    timers = [await do(shop, lambda tx: tx.later(HOUR).record(placed("a"))) for _ in range(3)]

    with pytest.raises(TimerRefused, match="has 3 timers already"):
        await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    assert await count(shop) == 3
    await do(shop, lambda tx: tx.cancel(timers[0]))
    await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    await move(shop, HOUR)
    await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    assert await count(shop) == 1


async def test_timers_of_before_a_restart_count(run_shop: Run, monkeypatch):
    monkeypatch.setattr(book, "TIMERS_MAX", 3)
    async with run_shop() as shop:
        for _ in range(3):
            await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    async with run_shop() as shop:
        await shop.settle_all()
        with pytest.raises(TimerRefused, match="has 3 timers already"):
            await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))


async def test_what_a_timer_says_carries_who_set_it(shop: Shop):
    outside = Context(
        caller=Caller(kind="user", subject="ada", tenant="north"),
        correlation_id="one request",
        trace_id=7,
        span_id=9,
        deadline=1e9,
        key="the key",
    )
    token = enter(outside)
    try:
        await do(shop, lambda tx: tx.later(HOUR).send(shop.letters.write, "hello"))
    finally:
        leave(token)
    await move(shop, HOUR)

    columns = "cause, correlation_id, tenant, caller like '%ada%'"
    assert await shop.rows("orders", f"select {columns} from outgrow_journal") == [
        ("the key", "one request", "north", 1)
    ]
    ((_, context),) = shop.sent
    assert (context.caller.subject, context.correlation_id) == ("ada", "one request")


async def test_timers_outlive_a_restart_and_fire_if_they_became_due_meanwhile(
    run_shop: Run, clock: ManualClock
):
    async with run_shop() as shop:
        await do(shop, lambda tx: tx.later(HOUR).send(shop.letters.write, "hello"))
        await do(shop, lambda tx: tx.later(3 * HOUR).record(placed("a")))
        await shop.settle_all()
    clock.advance(2 * HOUR.total_seconds())
    async with run_shop() as shop:
        await shop.settle_all()
        assert await shop.texts() == ["hello"]
        await move(shop, HOUR)
        assert await shop.texts() == ["hello", "a placed 1"]


async def test_the_statistics_tell_how_many_wait_and_how_late_the_oldest_is(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
        await do(shop, lambda tx: tx.later(2 * HOUR).record(placed("b")))
        shop.clock.advance(5400)
        orders, letters = await shop.delivery.timers()

        assert (orders.service, orders.timers, orders.timers_max) == ("orders", 2, 1_000_000)
        assert (orders.next_due_at, orders.lag_seconds) == ("2030-01-01T01:00:00.000000Z", 1800)
        assert (letters.timers, letters.next_due_at, letters.lag_seconds) == (0, None, 0)
    async with run_shop() as shop:
        await shop.settle_all()
        orders, _ = await shop.delivery.timers()
        assert (orders.timers, orders.fired) == (1, 1)


async def test_a_store_that_fails_for_a_while_loses_no_timer(shop: Shop, monkeypatch, caplog):
    store = shop.stores["orders"]
    transact, failures = store.transact, 2

    async def transact_later(unit: Any, *args: Any) -> Any:
        nonlocal failures
        if getattr(unit, "__name__", "") == "_fire" and failures:
            failures -= 1
            raise OSError("the disk is away")
        return await transact(unit, *args)

    await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    monkeypatch.setattr(store, "transact", transact_later)
    await move(shop, HOUR)

    assert failures == 0
    assert await shop.texts() == ["a placed 1"]
    assert "firing timers was interrupted" in caplog.text


async def test_a_server_that_is_away_is_told_in_one_line_each_ten_seconds(
    shop: Shop, monkeypatch, caplog
):
    store = shop.stores["orders"]
    transact, failures = store.transact, 15

    async def transact_later(unit: Any, *args: Any) -> Any:
        nonlocal failures
        if getattr(unit, "__name__", "") == "_fire" and failures:
            failures -= 1
            raise StoreUnreachable("postgresql://db.example/orders", "ConnectionRefusedError")
        return await transact(unit, *args)

    await do(shop, lambda tx: tx.later(HOUR).record(placed("a")))
    monkeypatch.setattr(store, "transact", transact_later)
    await move(shop, HOUR)
    await shop.settle_all()

    assert failures == 0
    assert await shop.texts() == ["a placed 1"]
    told = [one for one in caplog.records if "firing timers" in one.getMessage()]
    assert len(told) == 2
    assert all(one.exc_info is None for one in told)


async def test_two_that_fire_the_same_timer_fire_it_once(shop: Shop):
    """As two processes would that both believe they lead."""
    timers = shop.delivery._posts["orders"].timers
    for n in range(20):
        await do(shop, lambda tx, n=n: tx.later(HOUR).record(placed("a", n)))
    shop.clock.advance(HOUR.total_seconds())
    await asyncio.gather(*(shop.stores["orders"].transact(timers._fire) for _ in range(4)))
    await shop.settle_all()

    assert sorted(await shop.texts()) == sorted(f"a placed {n}" for n in range(20))
