"""How the bank keeps its promise that money is taken from."""

from outgrow import Store, Transaction, service, transactional
from tests.faults.transfers.north.contract import North, Overdrawn, SalaryDue

POOR = "poor"


@service
class NorthService(North):
    store: Store

    @transactional
    async def block(self, tx: Transaction, order: str) -> None:
        await _write(tx, order, "block", 0)

    @transactional
    async def unblock(self, tx: Transaction, order: str) -> None:
        await _write(tx, order, "unblock", 0)

    @transactional
    async def withdraw(self, tx: Transaction, order: str, account: str, cents: int) -> int:
        await _write(tx, order, "withdraw", -cents)
        if account == POOR:
            raise Overdrawn(account=account)
        return cents

    @transactional
    async def give_back(self, tx: Transaction, order: str, cents: int) -> None:
        await _write(tx, order, "give_back", cents)

    @transactional
    async def promise_salary(self, tx: Transaction, order: str, cents: int) -> None:
        await tx.record(SalaryDue(order=order, cents=cents))

    async def total(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select cast(coalesce(sum(cents), 0) as integer) from entry"
            )


async def _write(tx: Transaction, order: str, what: str, cents: int) -> None:
    sql = "insert into entry (order_id, what, cents) values (:order, :what, :cents)"
    await tx.execute(sql, order=order, what=what, cents=cents)
