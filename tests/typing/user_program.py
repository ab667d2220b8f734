"""
What type checkers say about a user's program. Never executed: mypy and pyright read it.

Where a line says ``type: ignore``, both must refuse it: an ignore that hides nothing is a finding.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, assert_type

from annotated_types import Ge

import outgrow
from outgrow import (
    Contract,
    Event,
    Problem,
    Record,
    Secret,
    Settings,
    Store,
    Transaction,
    blocking,
    command,
    context,
    new_id,
    on,
    query,
    service,
    transactional,
    upcast,
    using,
)
from outgrow.errors import CallError


class Receipt(Record):
    receipt_id: str
    cents: Annotated[int, Ge(1)]
    tags: list[str] = []
    paid_at: datetime | None = None


class Charged(Event, key="order_id"):
    order_id: str
    cents: int


class Refunded(Event, key="order_id", schema=2, aliases=["PaidBack"]):
    order_id: str
    cents: int


@upcast(Refunded, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "cents": round(old["euros"] * 100)}


class CardRefused(Problem, status="failed_precondition"):
    """The bank refused {order_id}."""

    order_id: str


class Payments(Contract):
    @command("POST /charges", allow="payments:write", raises=[CardRefused])
    async def charge(self, order_id: str, cents: int) -> Receipt: ...

    @query("GET /receipts/{receipt_id}")
    async def get_receipt(self, receipt_id: str) -> Receipt: ...


class Orders(Contract):
    @command("POST /orders")
    async def place_order(self, order_id: str) -> Receipt: ...


class BankSettings(Settings):
    url: str = "https://bank.example"
    token: Secret[str] = Secret("")


@service
class PaymentsService(Payments):
    store: Store
    settings: BankSettings

    @transactional
    async def charge(self, tx: Transaction, order_id: str, cents: int) -> Receipt:
        assert_type(await tx.execute("insert into charges values (:id)", id=order_id), int)
        assert_type(await tx.fetch_optional(int, "select 1"), int | None)
        assert_type(await tx.fetch_all(Receipt, "select * from charges"), list[Receipt])
        await tx.record(Charged(order_id=order_id, cents=cents))
        if cents > 100:
            raise CardRefused(order_id=order_id)
        return Receipt(receipt_id=new_id(), cents=cents)

    async def get_receipt(self, receipt_id: str) -> Receipt:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(Receipt, "select 1 where :id", id=receipt_id)

    @on(Charged)
    async def count(self, tx: Transaction, event: Charged) -> None:
        await tx.execute("update totals set cents = cents + :cents", cents=event.cents)


@service
class OrdersService(Orders):
    payments: Payments

    async def place_order(self, order_id: str) -> Receipt:
        receipt = await self.payments.charge(order_id, 5)
        assert_type(receipt, Receipt)
        return await using(self.payments, key=order_id, deadline=2.0).charge(order_id, cents=5)


class Reminded(Event, key="order_id"):
    order_id: str


class Reminders:
    payments: Payments

    @transactional
    async def remind(self, tx: Transaction, order_id: str) -> str:
        await tx.send(self.payments.charge, order_id, cents=5)
        assert_type(await tx.later(timedelta(days=3)).record(Reminded(order_id=order_id)), str)
        later = tx.later(datetime(2030, 1, 1, tzinfo=UTC), name=f"remind {order_id}")
        timer = await later.send(self.payments.charge, order_id, 5)
        assert_type(await tx.reschedule(timer, timedelta(days=4)), bool)
        assert_type(await tx.cancel(timer), bool)
        await tx.send(self.payments.charge, order_id, "five")  # type: ignore[arg-type]
        await tx.send(self.payments.charge, order_id)  # type: ignore[call-arg]
        await later.send(self.payments.charge, 5, order_id)  # type: ignore[arg-type]
        await later.send(self.payments.charge, order=order_id)  # type: ignore[call-arg]
        tx.later("tomorrow")  # type: ignore[arg-type]
        return timer


class FakePayments:
    """A plain class of the right form is a good fake; it need not derive from anything."""

    async def charge(self, order_id: str, cents: int) -> Receipt:
        return Receipt(receipt_id=order_id, cents=cents)

    async def get_receipt(self, receipt_id: str) -> Receipt:
        return Receipt(receipt_id=receipt_id, cents=1)


class WrongFake:
    async def charge(self, order_id: str) -> Receipt:
        return Receipt(receipt_id=order_id, cents=1)


async def good(store: Store) -> None:
    payments = PaymentsService(store=store, settings=BankSettings())
    assert_type(await payments.charge("o", 5), Receipt)
    orders = OrdersService(payments=FakePayments())
    assert_type(await orders.place_order("o"), Receipt)
    assert_type(await blocking(sorted, [2, 1]), list[int])
    assert_type(payments.settings.token.reveal(), str)
    assert_type(context().correlation_id, str)
    assert_type((await payments.charge("o", 5)).replace(cents=6), Receipt)
    async with outgrow.start("outgrow.toml") as application:
        assert_type(await application.client(Orders).place_order("o"), Receipt)
    try:
        await orders.place_order("o")
    except CardRefused as problem:
        assert_type(problem.order_id, str)
    except CallError as error:
        assert_type(error.may_have_run, bool)


async def refused(store: Store) -> None:
    payments = PaymentsService(store=store, settings=BankSettings())
    await payments.charge("o", "five")  # type: ignore[arg-type]
    await payments.charge("o")  # type: ignore[call-arg]
    PaymentsService(store=store)  # type: ignore[call-arg]
    OrdersService(payments=WrongFake())  # type: ignore[arg-type]
    Receipt("r", 1)  # type: ignore[call-arg]
    Receipt(receipt_id="r", cents="1")  # type: ignore[arg-type]
    Receipt(receipt_id="r", cents=1).cents = 2  # type: ignore[misc]
    CardRefused()  # type: ignore[call-arg]
    receipt = await payments.get_receipt("r")
    receipt.colour  # type: ignore[attr-defined]


class Unordered(Event):  # type: ignore[call-arg]
    order_id: str


class Unnumbered(Event, key=None, schema="2"):  # type: ignore[arg-type]
    order_id: str


@upcast(Receipt, schema=1)  # type: ignore[arg-type]
def no_event(old: dict[str, Any]) -> dict[str, Any]:
    return old


@upcast(Refunded, schema=1)  # type: ignore[type-var]
async def waits(old: dict[str, Any]) -> dict[str, Any]:
    return old


class ChangedSignature(Payments):
    async def charge(self, order_id: str) -> Receipt:  # type: ignore[override]
        return Receipt(receipt_id=order_id, cents=1)


class WrongHandlers:
    @on(Charged)  # type: ignore[arg-type]
    async def count(self, tx: Transaction, event: Receipt) -> None: ...
