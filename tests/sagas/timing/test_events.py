"""Events begin sagas, and let sagas go on that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.context import new_id
from outgrow.errors import SagaAborted
from outgrow.journal import time_text
from outgrow.sagas import heard
from tests.sagas.timing.bookings import Unpaid
from tests.sagas.timing.tills import Paid
from tests.sagas.timing.village import Village, error_of

Run = Callable[..., Any]


async def test_an_event_begins_a_saga(village: Village) -> None:
    await village.till.pay("a", 7)
    await village.till.pay("b", -1)
    await village.settle()

    assert await village.notes("a") == ["thanked"]
    assert await village.notes("b") == []  # Its problem undid it.
    rows = await village.rows("select method, state from outgrow_saga order by started_at, state")
    assert rows == [("bookings.thank", "completed"), ("bookings.thank", "undone")]


async def test_an_event_that_comes_again_begins_no_other_saga(
    village: Village, run_village: Run
) -> None:
    await village.till.pay("a", 7)
    await village.settle()
    async with village.stores["bookings"].read() as snapshot:
        (row,) = await snapshot.own("select key, arguments from outgrow_saga", ())

    # As from a journal that is read from the beginning once more.
    await village.rows_changed("delete from outgrow_highwater")
    await village.rows_changed("update outgrow_cursor set position = 0")
    await village.stop_and_start()
    await village.settle()

    assert await village.rows("select key, arguments from outgrow_saga") == [row]
    assert await village.notes("a") == ["thanked"]


async def test_what_begins_is_written_with_what_was_handled_or_not_at_all(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt of the handler fails behind its start; nothing of it is kept."""
    engine = village.sagas.keepings["bookings"].engine
    start, failed = engine.start, []

    async def start_and_fail(tx: Any, method: str, event: Any) -> None:
        await start(tx, method, event)
        if not failed:
            failed.append(event)
            message = "the store is not in the mood"
            raise RuntimeError(message)

    monkeypatch.setattr(engine, "start", start_and_fail)
    await village.till.pay("a", 7)
    await village.settle()
    assert failed
    assert await village.rows("select id from outgrow_saga") == []

    await village.settle_all()
    assert await village.notes("a") == ["thanked"]
    assert len(await village.rows("select id from outgrow_saga")) == 1


async def test_a_saga_that_is_begun_by_events_can_be_called_with_one(village: Village) -> None:
    await village.bookings.thank(Paid(order_id="a", cents=3))
    assert await village.notes("a") == ["thanked"]


async def test_a_saga_hears_what_it_waits_for(village: Village) -> None:
    await village.begin("sell", "a", key="k")
    assert (await village.saga("k"))["state"] == "waiting"

    await village.till.pay("b", 1)
    await village.settle()
    assert (await village.saga("k"))["state"] == "waiting"

    await village.till.pay("a", 7)
    await village.till.pay("a", 8)
    await village.settle()
    assert await village.answer("sell", "a", key="k") == 7  # The first of them.
    assert sorted(await village.notes("a")) == ["paid 7", "reserved", "thanked", "thanked"]


async def test_an_event_of_before_the_saga_is_not_heard(village: Village, store_kind: str) -> None:
    await village.till.pay("a", 1)
    await village.settle()
    await village.pass_time(5.0)
    await village.begin("sell", "a", key="k")
    assert (await village.saga("k"))["state"] == "waiting"
    await village.till.pay("a", 2)
    await village.settle()
    assert await village.answer("sell", "a", key="k") == 2


async def test_an_event_that_comes_while_the_saga_sleeps_is_there_days_later(
    village: Village,
) -> None:
    await village.begin("sell_late", "a", key="k")
    await village.till.pay("a", 7)
    await village.settle()
    for _ in range(3):
        await village.pass_time(86_400.0)
    assert await village.answer("sell_late", "a", key="k") == 7


async def test_what_no_saga_will_ask_for_is_forgotten(village: Village) -> None:
    await village.till.pay("a", 7)
    await village.settle()
    assert len(await village.rows("select id from outgrow_heard")) == 2  # It, and its gate.

    await village.pass_time(heard.HEARD_SECONDS + 1.0)
    await village.pass_time(1.0)
    assert await village.rows("select id from outgrow_heard") == []


async def test_waiting_ends_after_its_time(village: Village) -> None:
    await village.begin("offer", "a", 3_600, key="k")
    await village.begin("offer", "b", 3_600, key="l")
    await village.till.pay("b", 9)
    await village.settle()
    await village.pass_time(3_599.0)
    assert (await village.saga("k"))["state"] == "waiting"
    assert await village.answer("offer", "b", 3_600, key="l") == 9

    await village.pass_time(1.0)
    error = await error_of(village.answer("offer", "a", 3_600, key="k"))
    assert isinstance(error, Unpaid)
    assert error.name == "a"
    assert await village.notes("a") == []


async def test_waiting_goes_on_after_a_restart(village: Village, clock: ManualClock) -> None:
    await village.begin("sell", "a", key="k")
    await village.stop_and_start()
    clock.advance(7 * 86_400.0)
    await village.till.pay("a", 7)
    await village.settle()
    assert await village.answer("sell", "a", key="k") == 7


async def test_a_helper_of_the_saga_may_wait(village: Village) -> None:
    await village.begin("wait_aside", "a", key="k")
    await village.till.close_order("a")
    await village.settle()
    assert await village.answer("wait_aside", "a", key="k") == "a"


async def test_what_the_code_does_not_name_cannot_be_waited_for(village: Village) -> None:
    error = await error_of(village.answer("wait_unheard", "a", key="k"))
    assert isinstance(error, SagaAborted)
    assert "bookings.Unheard is not heard" in str(error)
    assert "Name it there" in str(error)


async def test_no_event_is_missed_that_comes_while_a_saga_begins_to_wait(
    village: Village, store_kind: str
) -> None:
    """Sagas look for events and wait, while those come: at the same time on PostgreSQL."""
    names = [f"n{number}" for number in range(40 if store_kind == "sqlite" else 20)]

    async def pay(name: str) -> None:
        await village.till.pay(name, 1)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(village.begin_only("sell", name, key=name))
            group.create_task(pay(name))
    await village.settle()

    rows = await village.rows("select key, state from outgrow_saga where method = 'bookings.sell'")
    waiting = {key for key, state in rows if state == "waiting"}
    heard_before = {
        name
        for (name,) in await village.rows(
            "select h.key from outgrow_heard h join outgrow_saga s on s.key = h.key "
            "where h.id <> '' and h.heard_at >= s.started_at and s.method = 'bookings.sell'"
        )
    }
    assert len(rows) == len(names)
    assert not waiting & heard_before, "they wait for what was heard since they began"


@pytest.mark.parametrize("store_kind", ["postgres"], indirect=True)
async def test_two_transactions_at_once_miss_nothing(village: Village, store_kind: str) -> None:
    """One saga looks and has not committed that it waits, when its event is heard."""
    await village.begin("sell", "a", key="k")
    store, now = village.stores["bookings"], time_text(village.clock.now())
    await village.rows_changed("update outgrow_saga set state = 'running', waits_type = null")
    has_looked, may_commit = asyncio.Event(), asyncio.Event()

    async def look(tx: Any) -> None:
        await heard.gate(tx, "tills.Paid", "a", now)
        assert await heard.first(tx, "tills.Paid", "a", now) is None
        has_looked.set()
        await tx.own("select pg_sleep(0.2)", ())
        await tx.own(
            "update outgrow_saga set state = 'waiting', waits_type = 'tills.Paid', waits_key = 'a'",
            (),
        )
        may_commit.set()

    async def hear() -> bool:
        await has_looked.wait()
        return await store.transact(heard.hear, Paid(order_id="a", cents=7), new_id(), now, now)

    async with asyncio.TaskGroup() as group:
        group.create_task(store.transact(look))
        hearing = group.create_task(hear())
    assert hearing.result(), "whoever hears sees that somebody waits"


def test_events_that_sagas_wait_for_are_known_of_a_class(tmp_path: Path) -> None:
    from outgrow.journal import handlers_of
    from tests.sagas.timing.bookings import BookingsService

    *_, waiting = handlers_of(BookingsService)
    assert waiting.method == "waiting-sagas"
    assert [event.__name__ for event in waiting.events] == ["Closed", "Paid"]
    assert waiting.methods == ("offer", "sell", "sell_late", "wait_aside")


async def test_an_event_is_heard_though_the_clock_was_set_back_meanwhile(
    village: Village, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came behind the begin, whatever the clock says; one before the begin does not count."""
    is_shared = village.stores["bookings"].is_shared  # There both clocks may differ a little.
    await village.begin("sell", "a", key="k")
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() - timedelta(hours=1))
    await village.till.pay("a", 7)
    await village.settle()
    assert (await village.saga("k"))["state"] == "completed"

    await village.till.pay("b", 7)
    await village.settle()
    await village.begin("sell", "b", key="l")
    assert (await village.saga("l"))["state"] == ("completed" if is_shared else "waiting")
