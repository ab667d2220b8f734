"""The two halves of the journal's shop, each as a process of its own would run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from outgrow.clock import Clock, ManualClock, SystemClock
from outgrow.contracts import Event, event_type
from outgrow.journal import SCHEMA, Broker, Carried, Delivery, Outbox
from outgrow.journal.nats import nats_broker
from outgrow.journal.nats.broker import NatsBroker
from outgrow.store import Store, Transaction, open_store
from tests.journal import letters, orders
from tests.journal.letters import LettersService
from tests.journal.orders import OrderCancelled, OrderPlaced, Weighed

PUBLIC = frozenset(event_type(event) for event in (OrderPlaced, OrderCancelled, Weighed))
"""What the contract of orders defines; `Noted` is private here."""

WAIT_SECONDS_MAX = 20.0


async def wait_until(what: Callable[[], Any], seconds: float = WAIT_SECONDS_MAX) -> None:
    """Wait until *what*, which may be a coroutine function, is true."""
    clock = SystemClock()
    until = clock.monotonic() + seconds
    while True:
        found = what()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        if clock.monotonic() > until:
            raise TimeoutError(f"not within {seconds} s")
        await clock.sleep(0.005)


async def open_own_store(
    folder: Path, module: Any, clock: Clock, urls: Mapping[str, str] | None = None
) -> tuple[Store, Outbox]:
    """The store of the service in *module*: below *folder*, or at its URL if it has one."""
    name = module.__name__.rpartition(".")[2]
    migrations = folder / f"{name}-migrations"
    migrations.mkdir(exist_ok=True)
    (migrations / "0001_tables.sql").write_text(module.MIGRATION)
    outbox = Outbox(name, clock)
    store = await open_store(
        (urls or {}).get(name, folder / f"{name}.sqlite3"),
        application="shop",
        service=name,
        clock=clock,
        schemas=[SCHEMA],
        migrations=migrations,
        outbox=outbox,
    )
    return store, outbox


async def nobody(*_: Any) -> None:
    raise AssertionError("nothing is sent here")


class Differ(AssertionError):
    """What was written is not what should have been."""


class Part:
    """What is running: one service, its store, its share of the delivery, and its broker."""

    def __init__(self, store: Store, delivery: Delivery) -> None:
        self.store = store
        self.delivery = delivery
        self.broker: NatsBroker

    @property
    def relay(self) -> Any:
        return self.broker._relays["orders"]

    @property
    def remote(self) -> Any:
        return self.broker._remotes["orders"]


class Writing(Part):
    """The process that hosts orders; `place` records its events."""

    async def place(self, order_ids: Iterable[str], cents: int = 1) -> None:
        await self.record(OrderPlaced(order_id=order_id, cents=cents) for order_id in order_ids)

    async def record(self, events: Iterable[Event]) -> None:
        async def all_of_them(tx: Transaction) -> None:
            for event in events:
                await tx.record(event)

        await self.store.transact(all_of_them)

    async def wait_published(self) -> None:
        """Wait until the stream holds all that may leave."""
        end = await self.relay.last_event() if self.relay.placed.is_set() else None

        async def is_published() -> bool:
            nonlocal end
            if not self.relay.placed.is_set():
                return False
            if end is None:
                end = await self.relay.last_event()
            return self.relay.position is not None and bool(self.relay.position >= end)

        await wait_until(is_published)


def by_key(texts: list[str]) -> list[str]:
    """*texts* sorted by their keys, and those of one key as they came."""
    return sorted(texts, key=lambda text: text.partition(" ")[0])


class Listening(Part):
    """The process that hosts letters, which listens to orders."""

    service: LettersService

    async def wait_ready(self) -> None:
        """Wait until it follows the stream; what is recorded sooner, it asks the journal for."""
        consumers = self.delivery._consumers
        feed = self.remote._feed
        await wait_until(lambda: bool(feed.opened) and all(c.is_idle for c in consumers))

    async def texts(self) -> list[str]:
        return await self.service.texts()

    async def wait_texts(self, expected: list[str], seconds: float = WAIT_SECONDS_MAX) -> None:
        """Wait until the letters are these, no more and no less; tell the difference if not."""
        with suppress(TimeoutError):
            await wait_until(lambda: self._has(len(expected)), seconds)
        found = await self.texts()
        # In PostgreSQL what has other keys may overtake.
        if found != expected and not (self.store.is_shared and by_key(found) == by_key(expected)):
            raise Differ(f"{found} are not {expected}")

    async def _has(self, count: int) -> bool:
        async with self.store.read() as snapshot:
            ((found,),) = await snapshot.own("select count(*) from letters")
        return bool(found >= count)


def carried(
    delivery: Delivery,
    environment: str,
    service: str,
    installation: str,
    public: frozenset[str] = PUBLIC,
) -> Carried:
    return Carried(
        application="shop",
        environment=environment,
        installation=installation,
        journals=delivery.journals,
        events={service: public if service == "orders" else frozenset()},
        services=frozenset({"orders", "letters"}),
    )


@asynccontextmanager
async def delivering(delivery: Delivery) -> AsyncIterator[None]:
    """Deliver until the end of the block; what it raises comes out as it is."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(delivery.run())
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        finally:
            delivery.stop()
        del task
    if failure is not None:
        raise failure


@asynccontextmanager
async def writing(
    folder: Path,
    url: str,
    *,
    environment: str = "test",
    clock: Clock | None = None,
    public: frozenset[str] = PUBLIC,
    installation: str = "here",
    urls: Mapping[str, str] | None = None,
) -> AsyncIterator[Writing]:
    """The process that hosts orders, from its start to its end."""
    clock = clock or ManualClock()
    store, outbox = await open_own_store(folder, orders, clock, urls)
    async with store:
        delivery = Delivery(clock)
        delivery.host(store, outbox, nobody)
        part = Writing(store, delivery)
        async with nats_broker(url)(
            carried(delivery, environment, "orders", installation, public)
        ) as broker:
            part.broker = _nats(broker)
            async with delivering(delivery):
                yield part


@asynccontextmanager
async def listening(
    folder: Path,
    url: str,
    *,
    environment: str = "test",
    clock: Clock | None = None,
    implementation: Callable[[Store], Any] = LettersService,
    installation: str = "here",
    urls: Mapping[str, str] | None = None,
) -> AsyncIterator[Listening]:
    """The process that hosts letters, from its start to its end."""
    clock = clock or ManualClock()
    store, outbox = await open_own_store(folder, letters, clock, urls)
    async with store:
        delivery = Delivery(clock)
        delivery.host(store, outbox, nobody)
        part = Listening(store, delivery)
        part.service = implementation(store)
        async with nats_broker(url)(
            carried(delivery, environment, "letters", installation)
        ) as broker:
            part.broker = _nats(broker)
            delivery.connect(broker)
            delivery.subscribe("letters", part.service)
            await delivery.open()
            async with asyncio.TaskGroup() as group:
                task = group.create_task(delivery.run())
                try:
                    yield part
                finally:
                    delivery.stop()
                del task


def _nats(broker: Broker) -> NatsBroker:
    assert isinstance(broker, NatsBroker)
    return broker
