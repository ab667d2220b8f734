"""The office: sagas that go right, go wrong, and take their time."""

from datetime import timedelta

from outgrow import Saga, Store, Transaction, saga, service, transactional
from tests.sagas.callers.booking.contract import Bookings, BookingsV2, NoBerth
from tests.sagas.callers.cranes.contract import Cranes


@service
class BookingService(Bookings, BookingsV2):
    """The office."""

    cranes: Cranes
    store: Store

    @saga(deadline="1h")
    async def book(self, run: Saga, ship: str, how: str = "at once") -> str:
        if how == "asking":
            await self.cranes.count()
        await run.step(self.note, ship).undo(self.strike, ship)
        loads = await run.step(self.cranes.lift, ship).undo(self.cranes.lower, ship)
        if how == "loosely":
            run.step(self.confirm, ship)
        if how in {"with the tide", "with the ebb"}:
            await run.sleep(timedelta(minutes=30))
        if how in {"too late", "with the ebb"}:
            raise NoBerth(ship=ship)
        await run.step(self.confirm, ship)
        return f"{ship} has {loads}"

    @saga(deadline="1h")
    async def book_inside(self, run: Saga, ship: str, how: str) -> str:
        await run.step(self.note, ship)
        await run.sleep(timedelta(minutes=30))
        return how

    @saga(deadline="1h")
    async def book_again(self, run: Saga, ship: str, how: str) -> str:
        await run.step(self.note, ship).undo(self.strike, ship)
        if how == "with the tide":
            await run.sleep(timedelta(minutes=30))
        if how == "loosely":
            run.step(self.confirm, ship)
        return ship

    @transactional
    async def note(self, tx: Transaction, ship: str) -> None:
        await tx.execute("insert into ships (name, state) values (:ship, 'noted')", ship=ship)

    @transactional
    async def strike(self, tx: Transaction, ship: str) -> None:
        await tx.execute("delete from ships where name = :ship", ship=ship)

    @transactional
    async def confirm(self, tx: Transaction, ship: str) -> None:
        await tx.execute("update ships set state = 'booked' where name = :ship", ship=ship)

    async def booked(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select name from ships order by name")
