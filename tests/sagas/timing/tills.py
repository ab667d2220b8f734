"""A service that says what was paid."""

from __future__ import annotations

from outgrow import Store, Transaction, transactional
from outgrow.contracts import Contract, Event, command, query

MIGRATION = """
create table payments (order_id text not null, cents integer not null);
"""


class Paid(Event, key="order_id"):
    order_id: str
    cents: int


class Closed(Event, key="order_id"):
    order_id: str


class Tills(Contract):
    @command()
    async def pay(self, order_id: str, cents: int) -> None: ...

    @command()
    async def take_back(self, order_id: str) -> None: ...

    @query()
    async def paid(self, order_id: str) -> int: ...

    @command()
    async def close_order(self, order_id: str) -> None: ...


class TillsService(Tills):
    def __init__(self, store: Store) -> None:
        self.store = store

    @transactional
    async def pay(self, tx: Transaction, order_id: str, cents: int) -> None:
        await tx.execute("insert into payments values (:o, :c)", o=order_id, c=cents)
        tx.record(Paid(order_id=order_id, cents=cents))

    @transactional
    async def take_back(self, tx: Transaction, order_id: str) -> None:
        await tx.execute("delete from payments where order_id = :o", o=order_id)

    async def paid(self, order_id: str) -> int:
        async with self.store.read() as snapshot:
            sql = "select coalesce(sum(cents), 0) from payments where order_id = :o"
            return await snapshot.fetch_one(int, sql, o=order_id)

    @transactional
    async def close_order(self, tx: Transaction, order_id: str) -> None:
        tx.record(Closed(order_id=order_id))
