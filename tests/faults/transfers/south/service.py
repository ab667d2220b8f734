"""How the bank keeps its promise that money goes to."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import field

from outgrow import Store, Transaction, service, transactional
from tests.faults.transfers.south.contract import Closed, South

CLOSED = "closed"


def _rates() -> Iterator[int]:
    """Others in each process."""
    return itertools.count(os.getpid() * 1_000)


@service
class SouthService(South):
    store: Store
    rates: Iterator[int] = field(default_factory=_rates)

    @transactional
    async def deposit(self, tx: Transaction, order: str, account: str, cents: int) -> None:
        await _write(tx, order, "deposit", cents)
        if account == CLOSED:
            raise Closed(account=account)

    @transactional
    async def take_back(self, tx: Transaction, order: str, cents: int) -> None:
        await _write(tx, order, "take_back", -cents)

    async def rate(self) -> int:
        return next(self.rates)

    async def total(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select cast(coalesce(sum(cents), 0) as integer) from entry"
            )


async def _write(tx: Transaction, order: str, what: str, cents: int) -> None:
    sql = "insert into entry (order_id, what, cents) values (:order, :what, :cents)"
    await tx.execute(sql, order=order, what=what, cents=cents)
