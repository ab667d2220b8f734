"""Two services with their stores and deliveries, as `process` wires them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outgrow.calls import InProcess, Reception, client_class, connect, decode_arguments
from outgrow.clock import Clock
from outgrow.contracts import read_contract
from outgrow.journal import SCHEMA, Delivery, Inbox, Outbox
from outgrow.store import Store, open_store
from outgrow.telemetry import Meters
from tests.journal import letters, orders
from tests.journal.letters import Letters, LettersService
from tests.journal.orders import Orders, OrdersService


class Shop:
    """What is running; a client of each service comes from outside of any execution."""

    def __init__(
        self, folder: Path, clock: Clock, urls: dict[str, str] | None = None, **leases: float
    ) -> None:
        self.folder = folder
        self.urls = urls or {}
        self.clock = clock
        self.delivery = Delivery(clock, **leases)
        self.stores: dict[str, Store] = {}
        self.inboxes: dict[str, Inbox] = {}
        self.sent: list[tuple[str, Any]] = []
        self.call_error: Exception | None = None

    async def open(self) -> None:
        self.reception = Reception(self.clock, Meters())
        for module in (orders, letters):
            await self._open_store(module)
        self.orders_service = OrdersService(self.stores["orders"])
        self.letters_service = LettersService(self.stores["letters"])
        for contract, keeper in (
            (Orders, self.orders_service),
            (Letters, self.letters_service),
        ):
            model = read_contract(contract)
            self.reception.admit(model, keeper, self.inboxes[model.service])
        self.orders = self.client(Orders)
        self.letters = self.client(Letters)
        self.delivery.subscribe("orders", self.orders_service)
        self.delivery.subscribe("letters", self.letters_service)
        await self.delivery.open()

    async def _open_store(self, module: Any) -> None:
        name = module.__name__.rpartition(".")[2]
        migrations = self.folder / f"{name}-migrations"
        migrations.mkdir(exist_ok=True)
        (migrations / "0001_tables.sql").write_text(module.MIGRATION)
        outbox = Outbox(name, self.clock)
        store = await open_store(
            self.urls.get(name, self.folder / f"{name}.sqlite3"),
            application="shop",
            service=name,
            clock=self.clock,
            schemas=[SCHEMA],
            migrations=migrations,
            outbox=outbox,
        )
        self.stores[name] = store
        self.inboxes[name] = self.delivery.host(store, outbox, self._send)

    def client(self, contract: Any) -> Any:
        model = read_contract(contract)
        client = client_class(model)(InProcess(self.reception).bind, model, self.clock)
        connect(client)
        return client

    async def _send(self, name: str, context: Any, body: bytes) -> Any:
        method = read_contract(Letters if name.startswith("letters") else Orders).methods[
            name.rpartition(".")[2]
        ]
        self.sent.append((name, context))
        if self.call_error is not None:
            raise self.call_error
        return await self.reception.bind(method)(context, *decode_arguments(method, body))

    async def close(self) -> None:
        for store in self.stores.values():
            await store.close()

    async def rows(self, service: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.stores[service].read() as snapshot:
            return await snapshot.own(sql, parameters)

    async def texts(self) -> list[str]:
        return await self.letters_service.texts()

    async def settle_all(self) -> None:
        """Settle, and move the clock until nothing is due any more."""
        while (seconds := await self.delivery.settle()) is not None:
            self.clock.advance(seconds)
