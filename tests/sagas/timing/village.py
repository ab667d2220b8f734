"""Two services with their stores, deliveries and sagas, as `process` wires them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from outgrow.calls import InProcess, Reception, client_class, connect, decode_arguments, using
from outgrow.clock import Clock, ManualClock
from outgrow.contracts import read_contract
from outgrow.journal import SCHEMA, Delivery, Inbox, Outbox
from outgrow.sagas import SCHEMA as SAGAS
from outgrow.sagas import book
from outgrow.sagas.driving import Hosting
from outgrow.store import Store, Transaction, open_store
from outgrow.telemetry import Meters
from tests.sagas.timing import bookings, tills
from tests.sagas.timing.bookings import Bookings, BookingsService
from tests.sagas.timing.tills import Tills, TillsService

CONTRACTS = {"bookings": Bookings, "tills": Tills}
SECONDS_MAX = 60.0


class Village:
    """
    What is running. Stopping and starting it is opening another one in the same folder.

    Args:
        keeper: The class of `Bookings`: perhaps a later version of it.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        urls: dict[str, str],
        keeper: type[BookingsService] = BookingsService,
        **leases: float,
    ) -> None:
        self.folder = folder
        self.urls = urls
        self.clock = clock
        self.stores: dict[str, Store] = {}
        self.keeper = keeper
        self._leases = leases
        self._outboxes: dict[str, Outbox] = {}
        self._inboxes: dict[str, Inbox] = {}

    @asynccontextmanager
    async def running(self, *, is_abandoned: bool = False) -> AsyncIterator[Village]:
        """Open the stores in the folder, and work."""
        await self.start(is_abandoned=is_abandoned)
        try:
            yield self
        finally:
            await self.stop()

    async def start(self, *, is_abandoned: bool = False) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            await self._open(is_abandoned=is_abandoned)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            delivering = group.create_task(self.delivery.run())
            working = group.create_task(self.sagas.run())
            stack.push_async_callback(asyncio.wait, [delivering])
            stack.callback(self.delivery.stop)
            stack.push_async_callback(asyncio.wait, [working])
            stack.callback(self.sagas.stop)
            self._running = stack.pop_all()

    async def start_unchecked(self) -> None:
        """As a process that began before another one wrote down what this one cannot read."""
        versions = book.versions

        async def none(_: object) -> list[tuple[str, int, int]]:
            return []

        book.versions = none  # type: ignore[assignment]
        try:
            await self.start()
        finally:
            book.versions = versions

    async def stop(self) -> None:
        await self._running.aclose()

    async def stop_and_start(self, keeper: type[BookingsService] | None = None) -> None:
        """As another process would, perhaps with other code."""
        await self.stop()
        self.keeper = keeper or self.keeper
        await self.start()

    async def _close(self) -> None:
        for store in self.stores.values():
            await store.close()

    async def _open(self, *, is_abandoned: bool) -> None:
        self.reception = Reception(self.clock, Meters())
        self.delivery = Delivery(self.clock, **self._leases)
        self.sagas = Hosting(self._send)
        for module in (bookings, tills):
            await self._open_store(module)
        self.bookings = self.keeper(self.stores["bookings"], self.client(Tills, via="bookings"))
        self.tills = TillsService(self.stores["tills"])
        for name, service in {"bookings": self.bookings, "tills": self.tills}.items():
            self.reception.admit(read_contract(CONTRACTS[name]), service, self._inboxes[name])
            self.delivery.subscribe(name, service)
            self.sagas.host(service, self._outboxes[name], self.delivery.replica(name))
        self.front, self.till = self.client(Bookings), self.client(Tills)
        for client in (self.front, self.till, self.bookings.tills):
            connect(client)
        await self.delivery.open()
        await self.sagas.open(is_abandoned=is_abandoned)

    async def _open_store(self, module: ModuleType) -> None:
        name = module.__name__.rpartition(".")[2]
        migrations = self.folder / f"{name}-migrations"
        migrations.mkdir(exist_ok=True)
        (migrations / "0001_tables.sql").write_text(module.MIGRATION)
        outbox = self._outboxes[name] = Outbox(name, self.clock)
        self.stores[name] = await open_store(
            self.urls.get(name, self.folder / f"{name}.sqlite3"),
            application="village",
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
        return await self.reception.bind(method)(context, *decode_arguments(method, body))

    async def begin(self, method: str, *args: Any, key: str) -> None:
        """Begin a saga under *key*, and let happen what can without the clock."""
        await self.begin_only(method, *args, key=key)
        await self.settle()

    async def begin_only(self, method: str, *args: Any, key: str) -> None:
        """Begin a saga under *key*, whose caller goes away."""
        client = using(self.front, key=key, deadline=SECONDS_MAX)
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(getattr(client, method)(*args))
            while not await self.rows("select id from outgrow_saga where key = ?", key):
                await asyncio.wait([calling], timeout=0.002)
            calling.cancel()

    async def answer(self, method: str, *args: Any, key: str) -> Any:
        """What the saga answers that was begun under *key*, and has ended."""
        client = using(self.front, key=key, deadline=SECONDS_MAX)
        return await getattr(client, method)(*args)

    async def rows(self, sql: str, *parameters: Any, service: str = "bookings") -> list[Any]:
        async with self.stores[service].read() as snapshot:
            return await snapshot.own(sql, parameters)

    async def rows_changed(self, sql: str) -> None:
        async def change(tx: Transaction) -> None:
            await tx.own(sql, ())

        await self.stores["bookings"].transact(change)

    async def saga(self, key: str) -> dict[str, Any]:
        """How the saga stands that was begun under *key*."""
        names = ("id", "state", "is_undoing", "attempts", "error", "due_at", "version")
        sql = f"select {', '.join(names)} from outgrow_saga where key = ?"
        ((*values,),) = await self.rows(sql, key)
        return dict(zip(names, values, strict=True))

    async def notes(self, name: str) -> list[str]:
        return await self.bookings.notes(name)

    async def settle(self) -> None:
        """Let everything happen that can without the clock."""
        before = -1
        while before != (before := await self._activity()):
            await self.delivery.settle()
            await self.sagas.settle()

    async def settle_all(self) -> None:
        """Settle, and move the clock until nothing is tried again any more."""
        await self.settle()
        while True:
            dues = [await self.delivery.settle(), await self.sagas.settle()]
            due = min((due for due in dues if due is not None), default=None)
            if due is None:
                return
            await self.pass_time(due)

    async def _activity(self) -> int:
        return await self.delivery.activity() + self.sagas.activity()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, and let happen what is due then."""
        assert isinstance(self.clock, ManualClock), "time passes by itself"
        self.clock.advance(seconds)
        await self.settle()


async def error_of(call: Awaitable[Any]) -> Exception:
    """What *call* raises."""
    try:
        answered = await call
    except Exception as error:  # noqa: BLE001 - looked at by the test
        return error
    message = f"it answered {answered!r}"
    raise AssertionError(message)
