"""
What type checkers say about streams in a user's program. Never executed: mypy and pyright read it.

Where a line says ``type: ignore``, both must refuse it: an ignore that hides nothing is a finding.
"""

from collections.abc import AsyncIterator
from typing import assert_type

from outgrow import Contract, Record, Store, command, query, service, using


class Step(Record):
    order_id: str
    number: int


class Line(Record):
    sku: str


class Orders(Contract):
    @query("GET /orders/{order_id}/steps")
    def watch(self, order_id: str) -> AsyncIterator[Step]: ...

    @command("POST /lines", repeat="unsafe")
    async def upload(self, lines: AsyncIterator[Line]) -> int: ...

    @query()
    def check(self, lines: AsyncIterator[Line]) -> AsyncIterator[Step]: ...


@service
class OrdersService(Orders):
    store: Store

    async def watch(self, order_id: str) -> AsyncIterator[Step]:
        yield Step(order_id=order_id, number=1)

    async def upload(self, lines: AsyncIterator[Line]) -> int:
        return len([line.sku async for line in lines])

    async def check(self, lines: AsyncIterator[Line]) -> AsyncIterator[Step]:
        async for line in lines:
            assert_type(line, Line)
            yield Step(order_id=line.sku, number=1)


class FakeOrders:
    """A fake may hand on an iterator as well: the method is called, not awaited."""

    def watch(self, order_id: str) -> AsyncIterator[Step]:
        return steps_of(order_id)

    async def upload(self, lines: AsyncIterator[Line]) -> int:
        return 1

    async def check(self, lines: AsyncIterator[Line]) -> AsyncIterator[Step]:
        async for line in lines:
            yield Step(order_id=line.sku, number=1)


@service
class Desk:
    orders: Orders

    async def follow(self, order_id: str) -> None:
        async for step in self.orders.watch(order_id):
            assert_type(step, Step)
        assert_type([step async for step in self.orders.check(lines_of("a"))], list[Step])
        assert_type(await self.orders.upload(lines_of("a")), int)
        assert_type(using(self.orders, deadline=60).watch(order_id), AsyncIterator[Step])


async def steps_of(order_id: str) -> AsyncIterator[Step]:
    yield Step(order_id=order_id, number=1)


async def lines_of(*skus: str) -> AsyncIterator[Line]:
    for sku in skus:
        yield Line(sku=sku)


def good() -> Desk:
    return Desk(orders=FakeOrders())


async def refused(orders: Orders) -> None:
    await orders.watch("7")  # type: ignore[misc]
    async for _ in orders.watch(7):  # type: ignore[arg-type]
        pass
    async for step in orders.watch("7"):
        step.colour  # type: ignore[attr-defined]
    await orders.upload([Line(sku="a")])  # type: ignore[arg-type]
    await orders.upload(steps_of("7"))  # type: ignore[arg-type]
    for _ in orders.watch("7"):  # type: ignore[attr-defined]
        pass


class AwaitedNotYielded(Orders):
    async def watch(self, order_id: str) -> AsyncIterator[Step]:  # type: ignore[override]
        return steps_of(order_id)


class OtherItems(Orders):
    async def watch(self, order_id: str) -> AsyncIterator[Line]:  # type: ignore[override]
        yield Line(sku=order_id)


class TakesAList(Orders):
    async def upload(self, lines: list[Line]) -> int:  # type: ignore[override]
        return len(lines)


class WrongFake:
    async def watch(self, order_id: str) -> list[Step]:
        return [Step(order_id=order_id, number=1)]

    async def upload(self, lines: AsyncIterator[Line]) -> int:
        return 1

    def check(self, lines: AsyncIterator[Line]) -> AsyncIterator[Step]:
        return steps_of("a")


def wrong() -> Desk:
    return Desk(orders=WrongFake())  # type: ignore[arg-type]
