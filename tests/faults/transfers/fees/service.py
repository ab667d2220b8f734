"""How it is kept what is promised by who earns of transfers."""

from dataclasses import field

from outgrow import Store, Transaction, service, transactional
from tests.faults.transfers.fees.contract import Fees


@service
class FeesService(Fees):
    store: Store
    failures: dict[tuple[str, str], int] = field(default_factory=dict)

    @transactional
    async def collect(self, tx: Transaction, order: str, cents: int, rate: int) -> None:
        await self._write(tx, order, "collect", cents)

    @transactional
    async def refund(self, tx: Transaction, order: str, cents: int) -> None:
        await self._write(tx, order, "refund", -cents)

    @transactional
    async def stamp(self, tx: Transaction, order: str) -> None:
        await self._write(tx, order, "stamp", 0)

    @transactional
    async def tear(self, tx: Transaction, order: str) -> None:
        await self._write(tx, order, "tear", 0)

    async def fail_next(self, what: str, order: str, times: int) -> None:
        self.failures[what, order] = times

    async def _write(self, tx: Transaction, order: str, what: str, cents: int) -> None:
        sql = "insert into entry (order_id, what, cents) values (:order, :what, :cents)"
        await tx.execute(sql, order=order, what=what, cents=cents)
        if self.failures.get((what, order), 0) > 0:
            self.failures[what, order] -= 1
            message = "not now"
            raise OSError(message)

    async def total(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select cast(coalesce(sum(cents), 0) as integer) from entry"
            )
