"""A service that writes letters about orders."""

from __future__ import annotations

from outgrow.contracts import Contract, Event, Problem, command
from outgrow.journal import on, transactional
from outgrow.store import Store, Transaction
from tests.journal.orders import OrderCancelled, OrderPlaced

MIGRATION = "create table letters (number integer primary key, text text not null) strict;"


class Refused(Problem):
    """Nobody writes {text}."""

    text: str


class Written(Event, key="text"):
    text: str


class Letters(Contract):
    @command(raises=[Refused])
    async def write(self, text: str) -> None: ...


class LettersService(Letters):
    """`broken` holds order ids whose events cannot be handled; `failures` counts down."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.broken: set[str] = set()
        self.failures = 0
        self.attempts = 0

    @transactional
    async def write(self, tx: Transaction, text: str) -> None:
        self.attempts += 1
        if text == "refused":
            raise Refused(text=text)
        await self._add(tx, text)

    @on(OrderPlaced, OrderCancelled)
    async def tell(self, tx: Transaction, event: OrderPlaced | OrderCancelled) -> None:
        self.attempts += 1
        what = "placed" if isinstance(event, OrderPlaced) else "cancelled"
        cents = f" {event.cents}" if isinstance(event, OrderPlaced) else ""
        await self._add(tx, f"{event.order_id} {what}{cents}")
        if event.order_id in self.broken:
            raise RuntimeError(f"{event.order_id} is broken")
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not now")

    async def _add(self, tx: Transaction, text: str) -> None:
        await tx.execute("insert into letters (text) values (:text)", text=text)
        await tx.record(Written(text=text))

    async def texts(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select text from letters order by number")
