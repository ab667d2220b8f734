"""A service that takes orders, and tells of it."""

import asyncio
import contextlib
from typing import Any

from outgrow.contracts import Contract, Event, Problem, Record, command, query
from outgrow.journal import on, transactional
from outgrow.store import Store, Transaction

MIGRATION = """
create table orders (number integer primary key, order_id text not null, cents integer not null)
    strict;
create table unique_orders (order_id text primary key) strict;
create table seen (number integer primary key, text text not null) strict;
"""


class Receipt(Record):
    order_id: str
    number: int


class Parcel(Record):
    grams: float
    note: str | None = None


class OrderPlaced(Event, key="order_id"):
    order_id: str
    cents: int


class OrderNoted(Event, key="order_id"):
    order_id: str
    note: str


class OrderCancelled(Event, key="order_id"):
    order_id: str


class Noted(Event, key=None):
    text: str


class TooExpensive(Problem):
    """{cents} are too much."""

    cents: int


class FarTooExpensive(TooExpensive):
    """{cents} are {times} times too much."""

    times: int


class Weighed(Event, key=None):
    parcels: list[Parcel]


class Undeclared(Problem):
    """Nobody said that this may happen."""


class Orders(Contract):
    @command(raises=[TooExpensive])
    async def place(self, order_id: str, cents: int = 1) -> Receipt: ...

    @command()
    async def place_unique(self, order_id: str) -> Receipt: ...

    @command()
    async def place_two(self, order_id: str) -> list[int]: ...

    @command(raises=[TooExpensive])
    async def ask_price(self, cents: int) -> int: ...

    @command()
    async def weigh(self, parcel: Parcel) -> Parcel: ...

    @command()
    async def weigh_plainly(self, text: str) -> Parcel: ...

    @command()
    async def misbehave(self) -> None: ...

    @command(repeat="unsafe")
    async def append(self, order_id: str) -> int: ...

    @query()
    async def count(self) -> int: ...


class OrdersService(Orders):
    def __init__(self, store: Store) -> None:
        self.store = store
        self.runs = 0
        self.failures = 0
        self.thank: Any = None
        self.statement = ""
        self.breaks_between = False

    @transactional
    async def place(self, tx: Transaction, order_id: str, cents: int = 1) -> Receipt:
        self.runs += 1
        number = await self._insert(tx, order_id, cents)
        await tx.record(OrderPlaced(order_id=order_id, cents=cents))
        if self.thank is not None:
            await tx.send(self.thank, f"thanks for {cents}")
        if cents > 1_000_000:
            raise FarTooExpensive(cents=cents, times=1000)
        if cents > 1000:
            raise TooExpensive(cents=cents)
        if cents < 0:
            raise Undeclared
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")
        return Receipt(order_id=order_id, number=number)

    @transactional
    async def place_unique(self, tx: Transaction, order_id: str) -> Receipt:
        self.runs += 1
        await tx.execute("insert into unique_orders values (:order_id)", order_id=order_id)
        return Receipt(order_id=order_id, number=self.runs)

    async def place_two(self, order_id: str) -> list[int]:
        first = await self._place_one(order_id, 1)
        second = await self._place_one(order_id, cents=1)
        if self.breaks_between:
            self.breaks_between = False
            raise RuntimeError("between")
        third = await self.place(order_id)
        return [first, second, third.number]

    @transactional
    async def _place_one(self, tx: Transaction, order_id: str, cents: int) -> int:
        receipt = await self.place(order_id, cents)  # joins
        await tx.execute("update orders set cents = 7 where number = :n", n=receipt.number)
        return receipt.number

    async def ask_price(self, cents: int) -> int:
        self.runs += 1
        raise FarTooExpensive(cents=cents, times=1000)

    @transactional
    async def weigh(self, tx: Transaction, parcel: Parcel) -> Parcel:
        await self._insert(tx, "weighed", 1)
        return parcel.replace(grams=parcel.grams * 1e308)

    async def weigh_plainly(self, text: str) -> Parcel:
        return Parcel(grams=float(text))

    @transactional
    async def misbehave(self, tx: Transaction) -> None:
        if self.statement:
            await tx.execute(self.statement)
        else:
            with contextlib.suppress(Exception):
                await asyncio.get_running_loop().create_future()

    @transactional
    async def append(self, tx: Transaction, order_id: str) -> int:
        return await self._insert(tx, order_id, 1)

    async def count(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(int, "select count(*) from orders")

    @on(OrderPlaced)
    async def see_own(self, tx: Transaction, event: OrderPlaced) -> None:
        await tx.execute("insert into seen (text) values (:text)", text=event.order_id)

    @on(Noted, since="beginning")
    async def see_note(self, tx: Transaction, event: Noted) -> None:
        await tx.execute("insert into seen (text) values (:text)", text=f"note {event.text[:9]}")

    async def _insert(self, tx: Transaction, order_id: str, cents: int) -> int:
        await tx.execute(
            "insert into orders (order_id, cents) values (:order_id, :cents)",
            order_id=order_id,
            cents=cents,
        )
        return await tx.fetch_one(int, "select max(number) from orders")
