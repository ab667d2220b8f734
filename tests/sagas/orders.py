"""A service whose saga does what a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from outgrow import Saga, Store, Transaction, saga, transactional
from outgrow.contracts import Contract, Problem, command, query
from tests.sagas.payments import Declined, Payments
from tests.sagas.stock import Full, Line, Stock

MIGRATION = """
create table orders (name text primary key, state text not null);
"""

Body = Callable[["OrdersService", Saga], Awaitable[object]]
"""What a saga does."""


class Sold(Problem, status="failed_precondition"):
    """{name} is sold."""

    name: str


class Orders(Contract):
    @command("POST /orders", raises=[Full, Declined])
    async def place(self, name: str) -> str: ...

    @command(raises=[Full, Declined])
    async def place_soon(self, name: str) -> str: ...

    @command()
    async def place_lines(self, name: str, lines: list[Line], weight: float = 1.0) -> int: ...

    @command()
    async def place_in_unit(self, name: str) -> str: ...

    @command(raises=[Full])
    async def create_plainly(self, name: str) -> str: ...

    @query()
    async def state(self, name: str) -> str: ...


class OrdersService(Orders):
    """
    Attributes:
        bodies: What its sagas do, by the name that they are called with.
        runs: How often the code of one was begun.
        trouble: What methods raise next, by their names.
        did: The effects in their order, also those that were rolled back.
    """

    def __init__(self, store: Store, stock: Stock, payments: Payments) -> None:
        self.store = store
        self.stock = stock
        self.payments = payments
        self.bodies: dict[str, Body] = {}
        self.runs = 0
        self.trouble: dict[str, list[Exception]] = {}
        self.did: list[str] = []

    @saga
    async def place(self, run: Saga, name: str) -> str:
        self.runs += 1
        return await self.bodies[name](self, run)  # type: ignore[return-value]

    @saga(deadline="10m")
    async def place_soon(self, run: Saga, name: str) -> str:
        self.runs += 1
        return await self.bodies[name](self, run)  # type: ignore[return-value]

    @saga
    async def place_lines(
        self, run: Saga, name: str, lines: list[Line], weight: float = 1.0
    ) -> int:
        held = await run.step(self.stock.hold_lines, lines, weight)
        return sum(line.count for line in held)

    @transactional
    async def place_in_unit(self, tx: Transaction, name: str) -> str:
        return await self.place(name)

    @transactional
    async def create_plainly(self, tx: Transaction, name: str) -> str:
        await self.create(name)
        return name

    @transactional
    async def create(self, tx: Transaction, name: str) -> str:
        self._begin("create", name)
        await tx.execute("insert into orders values (:name, 'new')", name=name)
        return name

    @transactional
    async def cancel(self, tx: Transaction, name: str) -> None:
        self._begin("cancel", name)
        await tx.execute("delete from orders where name = :name", name=name)

    @transactional
    async def confirm(self, tx: Transaction, name: str) -> str:
        self._begin("confirm", name)
        await tx.execute("update orders set state = 'confirmed' where name = :name", name=name)
        return f"confirmed {name}"

    @transactional
    async def reserve(self, tx: Transaction, name: str) -> None:
        self._begin("reserve", name)
        await tx.execute("insert into orders values (:name, 'reserved')", name=name)
        raise Full(name=name)

    async def plainly(self, name: str) -> str:
        return name

    async def state(self, name: str) -> str:
        async with self.store.read() as snapshot:
            sql = "select state from orders where name = :name"
            return await snapshot.fetch_optional(str, sql, name=name) or "none"

    def _begin(self, method: str, name: str) -> None:
        if errors := self.trouble.get(method):
            raise errors.pop(0)
        self.did.append(f"{method} {name}")
