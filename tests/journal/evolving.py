"""Two services whose code is replaced: payments records an event, and ledger listens to it."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from outgrow.clock import ManualClock
from outgrow.contracts import event_names
from outgrow.journal import BrokerMaker, Carried, Delivery, in_process
from outgrow.store import Store, Transaction
from tests.journal.nats.parts import nobody, open_own_store, wait_until

_HEAD = """
from __future__ import annotations
from typing import Any
from outgrow.contracts import Event, Record, upcast
MIGRATION = "create table charges (number integer primary key) strict;"
"""

PAYMENTS = {
    1: """
class Paid(Event, key="order_id"):
    order_id: str
    euros: float

def pay(order_id, cents):
    return Paid(order_id=order_id, euros=cents / 100)
""",
    2: """
class Charged(Event, key="order_id", schema=2, aliases=["Paid"]):
    order_id: str
    cents: int

@upcast(Charged, schema=1)
def from_euros(old: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": old["order_id"], "cents": round(old["euros"] * 100)}

def pay(order_id, cents):
    return Charged(order_id=order_id, cents=cents)
""",
    3: """
class Money(Record):
    cents: int
    currency: str

class Charged(Event, key="order_id", schema=3, aliases=["Paid"]):
    order_id: str
    price: Money

@upcast(Charged, schema=1)
def from_euros(old: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": old["order_id"], "cents": round(old["euros"] * 100)}

@upcast(Charged, schema=2)
def with_currency(old: dict[str, Any]) -> dict[str, Any]:
    return {"order_id": old["order_id"], "price": {"cents": old["cents"], "currency": "EUR"}}

def pay(order_id, cents):
    return Charged(order_id=order_id, price=Money(cents=cents, currency="EUR"))
""",
}
"""The code of payments by its version: first the name changes with the form, then the form."""

LEDGER = """
from outgrow.contracts import Contract
from outgrow.journal import on
import payments

MIGRATION = "create table bookings (number integer primary key, text text not null) strict;"
HEARD = [getattr(payments, name) for name in ("Paid", "Charged") if hasattr(payments, name)]

class Ledger(Contract): ...

class LedgerService(Ledger):
    def __init__(self, store):
        self.store = store

    @on(*HEARD{since})
    async def book(self, tx, event):
        price = getattr(event, "price", event)
        cents = round(event.euros * 100) if hasattr(event, "euros") else price.cents
        await tx.execute(
            "insert into bookings (text) values (:text)", text=f"{event.order_id} {cents}"
        )
"""


def load(folder: Path, name: str, source: str) -> ModuleType:
    """The module *name* with *source* as its code, in the place of the one that was there."""
    file = folder / f"{name}.py"
    file.write_text(source)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(source, str(file), "exec"), vars(module))
    return module


def payments_of(folder: Path, version: int | str) -> ModuleType:
    """Payments in one of its versions, or with other code."""
    source = PAYMENTS[version] if isinstance(version, int) else version
    return load(folder, "payments", _HEAD + source)


class Town:
    """What is running: one or both of the services."""

    def __init__(self, delivery: Delivery, stores: dict[str, Store], payments: ModuleType) -> None:
        self.delivery = delivery
        self.stores = stores
        self.payments = payments

    async def pay(self, *payments: tuple[str, int]) -> None:
        async def all_of_them(tx: Transaction) -> None:
            for order_id, cents in payments:
                await tx.record(self.payments.pay(order_id, cents))

        await self.stores["payments"].transact(all_of_them)

    async def rows(self, service: str, sql: str) -> list[tuple[Any, ...]]:
        async with self.stores[service].read() as snapshot:
            return await snapshot.own(sql)

    async def bookings(self) -> list[str]:
        rows = await self.rows("ledger", "select text from bookings order by number")
        return [text for (text,) in rows]

    async def parked(self) -> list[tuple[Any, ...]]:
        """Key and error of what waits for an operator."""
        return await self.rows(
            "ledger", "select key, error from outgrow_waiting where state = 'parked'"
        )

    async def settle_all(self) -> None:
        """Settle, and move the clock until nothing is due any more."""
        while (seconds := await self.delivery.settle()) is not None:
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock of the services; NATS has the machine's."""
        for store in self.stores.values():
            assert isinstance(store.clock, ManualClock)
            store.clock.advance(seconds)
            return

    async def wait_bookings(self, expected: list[str]) -> None:
        """Wait until these are booked, and no others."""

        async def are_there() -> bool:
            await self.settle_all()
            return len(await self.bookings()) >= len(expected)

        with suppress(TimeoutError):
            await wait_until(are_there)
        assert await self.bookings() == expected

    async def wait_parked(self) -> tuple[Any, ...]:
        """Wait until a key is parked: the key, and why."""

        async def is_there() -> bool:
            await self.settle_all()
            return bool(await self.parked())

        await wait_until(is_there)
        (parked,) = await self.parked()
        return parked


@asynccontextmanager
async def living(
    folder: Path,
    version: int | str,
    *,
    services: tuple[str, ...] = ("payments", "ledger"),
    broker: BrokerMaker = in_process,
    clock: ManualClock | None = None,
    since: str = "now",
) -> AsyncIterator[Town]:
    """A process that hosts *services*, with this version of the code, from its start to its end."""
    clock = clock or ManualClock()
    payments = payments_of(folder, version)
    ledger = load(folder, "ledger", LEDGER.replace("{since}", f', since="{since}"'))
    modules = {"payments": payments, "ledger": ledger}
    delivery = Delivery(clock)
    async with AsyncExitStack() as stack:
        stores = {}
        for name in services:
            store, outbox = await open_own_store(folder, modules[name], clock)
            stores[name] = await stack.enter_async_context(store)
            delivery.host(store, outbox, nobody, _former(payments))
        delivery.connect(
            await stack.enter_async_context(broker(_carried(delivery, services, payments)))
        )
        if "ledger" in services:
            delivery.subscribe("ledger", ledger.LedgerService(stores["ledger"]))
        await delivery.open()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(delivery.run())
            try:
                yield Town(delivery, stores, payments)
            finally:
                delivery.stop()
            del task


def _carried(delivery: Delivery, services: tuple[str, ...], payments: ModuleType) -> Carried:
    former = _former(payments)
    return Carried(
        application="town",
        environment="test",
        installation="here",
        journals=delivery.journals,
        events={
            name: frozenset([*former, *chain(*former.values())])
            if name == "payments"
            else frozenset()
            for name in services
        },
        services=frozenset({"payments", "ledger"}),
        former=former,
    )


def _former(payments: ModuleType) -> dict[str, tuple[str, ...]]:
    event = payments.Charged if hasattr(payments, "Charged") else payments.Paid
    today, *former = event_names(event)
    return {today: tuple(former)}
