"""A service that says what was sold, and sweeps: one of its replicas at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta

from outgrow import Event, Store, Transaction, new_id, on, service, transactional
from outgrow.errors import TimerExists
from tests.replicas.book.contract import Book
from tests.replicas.till.contract import Sold, Till

SWEEP = "sweep"
SWEEP_EVERY = timedelta(hours=1)


class SweepDue(Event, key=None):
    """It is time to sweep."""


@service
class TillService(Till):
    """Keeps what was sold."""

    store: Store
    book: Book
    tossed: int = 0

    async def open(self) -> None:
        with suppress(TimerExists):  # Another replica has set it, or a start before this one.
            await self.store.transact(self._set_sweep)

    @transactional
    async def sell(self, tx: Transaction, till: str, number: int) -> int:
        await tx.execute(
            "insert into sales (sale_id, till) values (:id, :till)", id=new_id(), till=till
        )
        await tx.record(Sold(till=till, number=number))
        return await tx.fetch_one(int, "select count(*) from sales where till = :till", till=till)

    @transactional
    async def sell_later(self, tx: Transaction, till: str, number: int, seconds: int) -> None:
        await tx.later(timedelta(seconds=seconds)).record(Sold(till=till, number=number))

    @transactional
    async def post(self, tx: Transaction, text: str) -> None:
        await tx.send(self.book.write, text)

    async def toss(self, text: str) -> str:
        self.tossed += 1
        return f"{text} {os.getpid()} {self.tossed}"

    async def get_sweeps(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(int, "select count(*) from sweeps")

    @on(SweepDue)
    async def sweep(self, tx: Transaction, _: SweepDue) -> None:
        """One replica at a time, and each time with the next one in the same commit."""
        if not await tx.reschedule(SWEEP, SWEEP_EVERY):  # Who started meanwhile may have set it.
            await self._set_sweep(tx)
        await tx.execute(
            "insert into sweeps (sweep_id, pid) values (:id, :pid)", id=new_id(), pid=os.getpid()
        )

    async def _set_sweep(self, tx: Transaction) -> None:
        await tx.later(SWEEP_EVERY, name=SWEEP).record(SweepDue())
