"""4. One unit fails inside of a group commit: its neighbours commit, and it leaves nothing."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from outgrow.errors import EventTooLarge, StatementFailed, WaitedInTransaction
from outgrow.store import Transaction
from tests.crash.harness import seed
from tests.journal.orders import OrderNoted, OrderPlaced
from tests.journal.shop import Shop

UNITS = 120
INSERT = "insert into unique_orders (order_id) values (:order_id)"


async def place(tx: Transaction, order_id: str) -> None:
    await tx.execute(INSERT, order_id=order_id)
    await tx.record(OrderPlaced(order_id=order_id, cents=1))


async def only_record(tx: Transaction, order_id: str) -> None:
    await tx.record(OrderPlaced(order_id=order_id, cents=1))


async def raise_own(tx: Transaction, order_id: str) -> None:
    await place(tx, order_id)
    raise LookupError(order_id)


async def break_constraint(tx: Transaction, order_id: str) -> None:
    await place(tx, order_id)
    await tx.execute(INSERT, order_id=order_id)


async def wait_inside(tx: Transaction, order_id: str) -> None:
    await place(tx, order_id)
    await asyncio.get_running_loop().create_future()


async def say_too_much(tx: Transaction, order_id: str) -> None:
    await place(tx, order_id)
    await tx.record(OrderNoted(order_id=order_id, note="x" * 300_000))


async def record_and_raise(tx: Transaction, order_id: str) -> None:
    await only_record(tx, order_id)
    raise LookupError(order_id)


async def write_a_zero_byte(tx: Transaction, order_id: str) -> None:
    """PostgreSQL keeps no such text; that is found out when the group is written."""
    await only_record(tx, order_id)
    await tx.record(OrderPlaced(order_id=f"\\0{order_id}", cents=1))


GOOD = (place, only_record)
BAD: dict[Any, type[Exception]] = {
    raise_own: LookupError,
    break_constraint: StatementFailed,
    wait_inside: WaitedInTransaction,
    say_too_much: EventTooLarge,
    record_and_raise: LookupError,
}


async def recorded(shop: Shop) -> list[str]:
    rows = await shop.rows("orders", "select key from outgrow_journal order by position")
    return [key for (key,) in rows]


async def test_neighbours_of_a_unit_that_fails_are_committed_and_it_leaves_nothing(
    shop: Shop,
) -> None:
    chance = random.Random(seed())
    store = shop.stores["orders"]
    units = [chance.choice(GOOD if chance.random() < 0.6 else list(BAD)) for _ in range(UNITS)]
    asked = [store.transact(unit, str(number)) for number, unit in enumerate(units)]

    results = await asyncio.gather(*asked, return_exceptions=True)

    good = {str(n) for n, unit in enumerate(units) if unit in GOOD}
    for number, (unit, result) in enumerate(zip(units, results, strict=True)):
        expected = BAD.get(unit, type(None))
        assert isinstance(result, expected), f"seed {seed()}: {number} {unit.__name__}: {result!r}"
    assert sorted(await recorded(shop)) == sorted(good)
    rows = await shop.rows("orders", "select order_id from unique_orders")
    with_state = {str(n) for n, unit in enumerate(units) if unit is place}
    assert {order_id for (order_id,) in rows} == with_state


async def test_what_is_heard_is_what_was_committed(shop: Shop) -> None:
    store = shop.stores["orders"]
    units = [raise_own if n % 3 == 0 else place if n % 3 == 1 else only_record for n in range(60)]
    await asyncio.gather(
        *(store.transact(unit, str(n)) for n, unit in enumerate(units)), return_exceptions=True
    )
    await shop.settle_all()

    heard = {text.split()[0] for text in await shop.texts()}
    assert heard == {str(n) for n in range(60) if n % 3}


@pytest.mark.parametrize("place_of_bad", [0, 7, 15])
async def test_one_entry_that_the_database_refuses_fails_alone(
    shop: Shop, place_of_bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse_one(shop, place_of_bad, monkeypatch)


@pytest.mark.parametrize("store_kind", ["postgres"], indirect=True)
async def test_a_group_that_swallows_one_failure_is_found_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outgrow.store.postgres.appending import Appender

    write = Appender._write

    async def swallow(self, batch):
        error = await write(self, batch)
        return error if len(batch) > 1 else None

    monkeypatch.setattr(Appender, "_write", swallow)
    with pytest.raises(AssertionError):
        await refuse_one(shop, 7, monkeypatch)


async def refuse_one(shop: Shop, place_of_bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the journal that cannot be written fails in the group's own commit, not before."""
    outbox = shop.delivery._posts["orders"].outbox
    right = outbox.event

    def event(said: OrderPlaced) -> Any:
        entry = right(said)
        if said.order_id == "bad":
            return (first, *entry[1:])  # The id of a row that is there already.
        return entry

    store = shop.stores["orders"]
    await store.transact(only_record, "first")
    ((first,),) = await shop.rows("orders", "select id from outgrow_journal")
    index = "create unique index once on outgrow_journal (id)"
    await in_the_database(shop, index)
    monkeypatch.setattr(outbox, "event", event)
    names = ["bad" if n == place_of_bad else str(n) for n in range(16)]

    results = await asyncio.gather(
        *(store.transact(only_record, name) for name in names), return_exceptions=True
    )

    failed = [name for name, result in zip(names, results, strict=True) if result is not None]
    assert failed == ["bad"]
    assert isinstance(results[place_of_bad], StatementFailed), repr(results[place_of_bad])
    assert sorted(await recorded(shop)) == sorted({*names, "first"} - {"bad"})


async def in_the_database(shop: Shop, sql: str) -> None:
    async def run(tx: Transaction) -> None:
        await tx.own(sql)

    await shop.stores["orders"].transact(run)
