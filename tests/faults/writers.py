"""Many units that write one journal in PostgreSQL at once, and one reader that follows it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA, Journal, Outbox
from outgrow.journal.messages import Message
from outgrow.journal.outbox import Entry
from outgrow.journal.replicas import Replica
from outgrow.store import Store, Transaction, open_store
from tests.journal.orders import OrderPlaced

TYPES = frozenset({"orders.OrderPlaced"})


class AfterAll(Exception):
    """The unit is rolled back, after it has drawn its positions."""


class Reluctant(Outbox):
    """Takes its time after it has written rows, and sometimes lets them be rolled back."""

    def __init__(self, chance: random.Random, delay_seconds: float, rolled_back: float) -> None:
        super().__init__("orders", SystemClock())
        self._chance = chance
        self._delay_seconds = delay_seconds
        self._rolled_back = rolled_back

    async def append(self, tx: Transaction, entries: list[Entry]) -> None:
        await super().append(tx, entries)
        if self._chance.random() < 0.5:
            seconds = self._chance.random() * self._delay_seconds
            await tx.own("select cast(pg_sleep(?) as text)", (seconds,))
        if self._chance.random() < self._rolled_back:
            raise AfterAll


@asynccontextmanager
async def opened(url: str, outbox: Outbox) -> AsyncIterator[Store]:
    store = await open_store(
        url,
        application="shop",
        service="orders",
        clock=SystemClock(),
        schemas=[SCHEMA],
        outbox=outbox,
    )
    async with store:
        yield store


class Follower:
    """Reads a journal from its beginning, as a handler or the relay does."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self.journal = Journal(store, outbox, Replica(store, outbox.hear))
        self.woken = asyncio.Event()
        self.seen: dict[str, float] = {}
        self.messages: list[Message] = []
        outbox.watch((), self.woken.set)

    async def run(self) -> None:
        """Follow until cancelled."""
        position = 0
        while True:
            self.woken.clear()
            batch = await self.journal.events(position, TYPES, 256)
            assert [m.position for m in batch.messages] == sorted(
                {m.position for m in batch.messages if m.position > position}
            )
            for message in batch.messages:
                self.messages.append(message)
                self.seen[message.body] = perf_counter()
            position = batch.position
            if batch.is_last:
                await _at_most(self.woken, 0.1)

    async def until_seen(self, bodies: set[str], seconds: float) -> set[str]:
        """Wait until it has seen all of *bodies*; what it has not seen in time."""
        until = perf_counter() + seconds
        while not bodies <= self.seen.keys() and perf_counter() < until:
            await _at_most(asyncio.Event(), 0.02)
        return bodies - self.seen.keys()


class Writers:
    """
    24 tasks that record orders at once, by two processes' connections.

    Attributes:
        committed: When each was, by its body.
    """

    def __init__(self, stores: list[Store], chance: random.Random) -> None:
        self._stores = stores
        self._chance = chance
        self._numbers: dict[str, int] = {}
        self.committed: dict[str, float] = {}
        self.rolled_back = 0

    async def run(self, seconds: float, count: int = 24) -> None:
        """Write for *seconds*; each writer has a key of its own."""
        until = perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                store = self._stores[number % len(self._stores)]
                group.create_task(self._write(store, f"k{number}", until))

    async def _write(self, store: Store, key: str, until: float) -> None:
        number = 0
        while perf_counter() < until:
            rows = [OrderPlaced(order_id=key, cents=number + n) for n in range(self._rows())]

            async def unit(tx: Transaction, rows: list[OrderPlaced] = rows) -> None:
                # A statement, so that it has a transaction of its own.
                await tx.fetch_one(int, "select 1")
                for row in rows:
                    await tx.record(row)

            try:
                await store.transact(unit)
            except AfterAll:
                self.rolled_back += 1
                continue
            now = perf_counter()
            for row in rows:
                self.committed[body_of(row)] = now
            number += len(rows)

    def _rows(self) -> int:
        return self._chance.choice([1, 1, 2, 3])


def body_of(event: OrderPlaced) -> str:
    return f'{{"order_id":"{event.order_id}","cents":{event.cents}}}'


def in_order_per_key(messages: list[Message]) -> dict[str, list[str]]:
    """The bodies by key, as they were read."""
    keys: dict[str, list[str]] = {}
    for message in messages:
        keys.setdefault(message.key or "", []).append(message.body)
    return keys


def latencies(writers: Writers, follower: Follower) -> list[float]:
    """From each commit to its reading, in seconds, sorted."""
    return sorted(
        max(follower.seen[body] - at, 0.0)
        for body, at in writers.committed.items()
        if body in follower.seen
    )


async def _at_most(event: asyncio.Event, seconds: float) -> None:
    waiting = asyncio.ensure_future(event.wait())  # noqa: TID251 - a test's own wait
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
