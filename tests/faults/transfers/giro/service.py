"""How the promise of transfers is kept."""

from datetime import timedelta

from outgrow import Saga, Store, Transaction, on, saga, service, transactional
from tests.faults.transfers.fees.contract import Fees
from tests.faults.transfers.giro.contract import Giro
from tests.faults.transfers.north.contract import North, SalaryDue
from tests.faults.transfers.south.contract import South

FEE = 2
"""What each transfer costs; half of it is the fees', half of it the giro's."""

PAUSE_SECONDS = 60
SLEEPY = "sleepy"


@service
class GiroService(Giro):
    store: Store
    north: North
    south: South
    fees: Fees

    @saga
    async def transfer(self, run: Saga, order: str, source: str, target: str, cents: int) -> str:
        return await self._go(run, order, source, target, cents, is_pivot=True)

    @saga(deadline="30m")
    async def rush(self, run: Saga, order: str, source: str, target: str, cents: int) -> str:
        """Undone if its time is over, so nothing in it is a pivot."""
        return await self._go(run, order, source, target, cents, is_pivot=False)

    @on(SalaryDue)
    @saga
    async def pay_salary(self, run: Saga, event: SalaryDue) -> None:
        await self._go(run, event.order, "rich", "open", event.cents, is_pivot=True)

    async def _go(
        self, run: Saga, order: str, source: str, target: str, cents: int, *, is_pivot: bool
    ) -> str:
        """The same method is asked twice with the same arguments, as instalments are."""
        run.tag(order=order)
        began, half = run.now().isoformat(), (cents - FEE) // 2
        rate = await self.south.rate()
        await run.step(self.note, order, began).undo(self.strike, order)
        await run.step(self.north.block, order).undo(self.north.unblock, order)
        taken = await run.step(self.north.withdraw, order, source, cents).undo(
            self.north.give_back, order, cents
        )
        await run.all(
            run.step(self.south.deposit, order, target, half).undo(
                self.south.take_back, order, half
            ),
            run.step(self.fees.collect, order, FEE // 2, rate).undo(
                self.fees.refund, order, FEE // 2
            ),
        )
        await run.step(self.south.deposit, order, target, half).undo(
            self.south.take_back, order, half
        )
        if order.startswith(SLEEPY):
            await run.sleep(timedelta(seconds=PAUSE_SECONDS))
        stamp = run.step(self.fees.stamp, order)
        await (stamp.pivot() if is_pivot else stamp.undo(self.fees.tear, order))
        await run.step(self.earn, order, run.new_id())
        return f"{order}: {taken}"

    @transactional
    async def note(self, tx: Transaction, order: str, began: str) -> None:
        await _write(tx, order, "note", 0)

    @transactional
    async def strike(self, tx: Transaction, order: str) -> None:
        await _write(tx, order, "strike", 0)

    @transactional
    async def earn(self, tx: Transaction, order: str, receipt: str) -> None:
        await _write(tx, order, "earn", FEE // 2)

    async def total(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select cast(coalesce(sum(cents), 0) as integer) from entry"
            )


async def _write(tx: Transaction, order: str, what: str, cents: int) -> None:
    sql = "insert into entry (order_id, what, cents) values (:order, :what, :cents)"
    await tx.execute(sql, order=order, what=what, cents=cents)
