"""Three services with their stores and sagas, as `process` wires them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from outgrow.calls import InProcess, Reception, client_class, connect, decode_arguments, using
from outgrow.clock import ManualClock
from outgrow.contracts import Problem, read_contract
from outgrow.errors import ServiceUnreachable
from outgrow.journal import SCHEMA, Delivery, Inbox, Outbox
from outgrow.sagas import SCHEMA as SAGAS
from outgrow.sagas.driving import Hosting
from outgrow.store import Store, open_store
from outgrow.telemetry import Meters
from tests.sagas import orders, payments, stock
from tests.sagas.orders import Body, Orders, OrdersService
from tests.sagas.payments import Payments, PaymentsService
from tests.sagas.stock import Stock, StockService

CONTRACTS = {"orders": Orders, "payments": Payments, "stock": Stock}

Way = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""What the wire does with a call, instead of passing it on."""


async def lose(call: Callable[[], Awaitable[Any]]) -> Any:
    """The call never arrives, and its caller does not know."""
    raise ServiceUnreachable("wire", "the call was lost", may_have_run=True)


async def lose_reply(call: Callable[[], Awaitable[Any]]) -> Any:
    """The call arrives, and its reply does not."""
    with suppress(Problem):
        await call()
    raise ServiceUnreachable("wire", "the reply was lost", may_have_run=True)


async def double(call: Callable[[], Awaitable[Any]]) -> Any:
    """The call arrives twice."""
    await call()
    return await call()


class Town:
    """
    What is running; a client of each service comes from outside of any execution.

    Attributes:
        ways: What the wire does with the next calls of a method, by its full name.
        calls: What was sent over the wire, as ``service.method``.
        contexts: Those of the calls.
    """

    def __init__(self, folder: Path, clock: ManualClock, urls: dict[str, str]) -> None:
        self.folder = folder
        self.urls = urls
        self.clock = clock
        self.ways: dict[str, list[Way]] = {}
        self.calls: list[str] = []
        self.contexts: list[Any] = []
        self.stores: dict[str, Store] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._inboxes: dict[str, Inbox] = {}

    async def open(self) -> None:
        self.reception = Reception(self.clock, Meters())
        self.delivery = Delivery(self.clock)
        self.sagas = Hosting(self._send)
        for module in (orders, payments, stock):
            await self._open_store(module)
        self.stock = StockService(self.stores["stock"])
        self.payments = PaymentsService(self.stores["payments"])
        self.orders = OrdersService(
            self.stores["orders"],
            self.client(Stock, via="orders"),
            self.client(Payments, via="orders"),
        )
        for name, service in self._services.items():
            self.reception.admit(read_contract(CONTRACTS[name]), service, self._inboxes[name])
            self.delivery.subscribe(name, service)
            self.sagas.host(service, self._outboxes[name], self.delivery.replica(name))
        self.front = self.client(Orders)
        connect(self.front)
        connect(self.orders.stock)
        connect(self.orders.payments)
        await self.delivery.open()
        await self.sagas.open()

    @property
    def _services(self) -> dict[str, Any]:
        return {"orders": self.orders, "payments": self.payments, "stock": self.stock}

    async def _open_store(self, module: Any) -> None:
        name = module.__name__.rpartition(".")[2]
        migrations = self.folder / f"{name}-migrations"
        migrations.mkdir(exist_ok=True)
        (migrations / "0001_tables.sql").write_text(module.MIGRATION)
        outbox = self._outboxes[name] = Outbox(name, self.clock)
        self.stores[name] = await open_store(
            self.urls.get(name, self.folder / f"{name}.sqlite3"),
            application="town",
            service=name,
            clock=self.clock,
            schemas=[SCHEMA, SAGAS],
            migrations=migrations,
            outbox=outbox,
        )
        self._inboxes[name] = self.delivery.host(self.stores[name], outbox, self._send)

    def client(self, contract: Any, **options: Any) -> Any:
        model = read_contract(contract)
        return client_class(model)(InProcess(self.reception).bind, model, self.clock, **options)

    async def _send(self, name: str, context: Any, body: bytes) -> Any:
        service, _, method_name = name.partition(".")
        method = read_contract(CONTRACTS[service]).methods[method_name]
        self.calls.append(name)
        self.contexts.append(context)

        async def call() -> Any:
            arrived = copy.copy(context)
            arrived.ordinals = None  # It comes from another process, as often as it is sent.
            arrived.deadline = self.clock.monotonic() + 10.0
            return await self.reception.bind(method)(arrived, *decode_arguments(method, body))

        ways = self.ways.get(name)
        return await (ways.pop(0)(call) if ways else call())

    async def close(self) -> None:
        for store in self.stores.values():
            await store.close()

    async def rows(self, service: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.stores[service].read() as snapshot:
            return await snapshot.own(sql, parameters)

    async def sagas_of(self, service: str = "orders") -> list[tuple[Any, ...]]:
        """State, whether it is being undone, attempts and error of each."""
        sql = "select state, is_undoing, attempts, error from outgrow_saga order by id"
        return await self.rows(service, sql)

    async def steps(self, service: str = "orders") -> list[tuple[Any, ...]]:
        """Number, name and state of each."""
        return await self.rows(service, "select number, name, state from outgrow_step order by 1")

    async def inventory(self) -> tuple[list[Any], list[Any], list[Any]]:
        """The orders, the charges, and what is held, as they stand in the stores."""
        return (
            await self.rows("orders", "select name, state from orders order by 1"),
            await self.rows("payments", "select name, cents from charges order by 1"),
            await self.rows("stock", "select name, count from held order by 1"),
        )

    async def place(
        self, body: Body, name: str = "a", *, key: str | None = None, command: str = "place"
    ) -> Any:
        """
        Let the saga `place` do *body*, and let time pass until its caller is answered.

        Under a key it is called by a client, and has a thousand seconds. Without one it is called
        directly: no deadline is watched then, so that the clock is moved by days in no time.
        """
        self.orders.bodies[name] = body
        if key is None:
            return await self.finish(getattr(self.orders, command)(name))
        return await self.finish(
            getattr(using(self.front, key=key, deadline=1000.0), command)(name)
        )

    async def finish(self, call: Awaitable[Any]) -> Any:
        """What *call* answers; meanwhile what failed is tried again, and the clock moved for it."""
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(_settled(call))
            while not answering.done():
                seconds = await self.sagas.settle()
                await asyncio.wait([answering], timeout=0.005)
                if seconds is not None and not answering.done():
                    self.clock.advance(seconds)
        value, error = answering.result()
        if error is not None:
            raise error
        return value

    async def place_stuck(self, body: Body, *, command: str = "place_soon") -> tuple[bool, str]:
        """Let `place` do *body* until it is stuck; whether it was being undone, and its error."""
        async with asyncio.TaskGroup() as group:
            placing = group.create_task(_settled(self.place(body, command=command)))
            while not await self.rows("orders", "select 1 from outgrow_saga where state = 'stuck'"):
                assert not placing.done(), placing.result()
                await asyncio.wait([placing], timeout=0.005)
            placing.cancel()
        ((_, is_undoing, _, error),) = await self.sagas_of()
        return bool(is_undoing), error

    async def settle(self) -> None:
        """Let everything happen that can without the clock."""
        await self.sagas.settle()

    async def settle_all(self) -> None:
        """Settle, and move the clock until nothing is tried again any more."""
        while (seconds := await self.sagas.settle()) is not None:
            self.clock.advance(seconds)


def both(test: Any) -> Any:
    """Let *test* run on PostgreSQL too in each run; others do in the long one."""
    test.is_for_both = True
    return test


async def _settled(call: Awaitable[Any]) -> tuple[Any, Exception | None]:
    try:
        return await call, None
    except Exception as error:  # noqa: BLE001 - raised where it is asked for
        return None, error
