"""
What type checkers say about a user's sagas. Never executed: mypy and pyright read it.

Where a line says ``type: ignore``, both must refuse it: an ignore that hides nothing is a finding.
"""

from datetime import datetime, timedelta
from typing import assert_type

from outgrow import (
    Contract,
    Event,
    Record,
    Saga,
    Store,
    Transaction,
    command,
    on,
    query,
    saga,
    service,
    transactional,
)


class Line(Record):
    sku: str
    count: int


class Paid(Event, key="order_id"):
    order_id: str
    cents: int


class Stock(Contract):
    @command()
    async def hold(self, order_id: str, lines: list[Line]) -> int: ...

    @command()
    async def release(self, order_id: str, reason: str = "") -> None: ...

    @query()
    async def count(self, sku: str) -> int: ...


class Orders(Contract):
    @command()
    async def place(self, order_id: str, lines: list[Line]) -> str: ...


@service
class OrdersService(Orders):
    stock: Stock
    store: Store

    @saga
    async def place(self, run: Saga, order_id: str, lines: list[Line]) -> str:
        assert_type(run.new_id(), str)
        assert_type(run.now(), datetime)
        assert_type(run.id, str)
        run.tag(order=order_id)
        assert_type(await self.stock.count("a"), int)
        assert_type(await run.step(self.create, order_id).undo(self.cancel, order_id), bool)
        held = run.step(self.stock.hold, order_id, lines).undo(
            self.stock.release, order_id, reason="no"
        )
        assert_type(await held, int)
        assert_type(await run.step(self.create, order_id).pivot(), bool)
        pair = await run.all(run.step(self.create, "a"), run.step(self.stock.hold, "a", lines=[]))
        assert_type(pair, tuple[bool, int])
        many = [run.step(self.stock.hold, line.sku, [line]) for line in lines]
        assert_type(await run.all(*many), tuple[int, ...])
        await run.sleep(timedelta(days=3))
        await run.sleep(run.now())
        assert_type(await run.until(Paid, order_id), Paid)
        assert_type(await run.until(Paid, order_id, within=timedelta(days=1)), Paid | None)
        return order_id

    @saga(version=2, deadline="30m", name="place")
    async def place_later(self, run: Saga, order_id: str, lines: list[Line]) -> str:
        return order_id

    @on(Paid)
    @saga
    async def ship(self, run: Saga, event: Paid) -> None:
        await run.step(self.create, event.order_id)

    @saga
    async def wrong(self, run: Saga, order_id: str) -> None:
        await run.step(self.stock.hold, order_id)  # type: ignore[call-arg]
        await run.step(self.stock.hold, order_id, ["a"])  # type: ignore[list-item]
        await run.step(self.stock.hold, order_id, [], 5)  # type: ignore[call-arg]
        await run.step(self.create, order=order_id)  # type: ignore[call-arg]
        await run.step(self.create, 5)  # type: ignore[arg-type]
        await run.step(self.create, order_id).undo(self.cancel)  # type: ignore[call-arg]
        await run.step(self.create, order_id).undo(self.cancel, 5)  # type: ignore[arg-type]
        await run.step(self.create, order_id).undo(self.stock.release, why="")  # type: ignore[call-arg]
        await run.step(5)  # type: ignore[arg-type]
        await run.all(order_id)  # type: ignore[call-overload]
        await run.sleep(5)  # type: ignore[arg-type]
        await run.until(Line, order_id)  # type: ignore[type-var]
        await run.until(Paid, 5)  # type: ignore[call-overload]
        run.tag(order=5)  # type: ignore[arg-type]

    @transactional
    async def create(self, tx: Transaction, order_id: str) -> bool:
        return True

    @transactional
    async def cancel(self, tx: Transaction, order_id: str) -> None: ...


class Misused:
    @saga  # type: ignore[arg-type]
    async def without(self, order_id: str) -> None: ...

    @saga(version="2")  # type: ignore[call-overload, untyped-decorator]
    async def version(self, run: Saga) -> None: ...


async def used(orders: OrdersService) -> None:
    assert_type(await orders.place("a", []), str)
    await orders.place("a")  # type: ignore[call-arg]
    await orders.place(5, [])  # type: ignore[arg-type]
