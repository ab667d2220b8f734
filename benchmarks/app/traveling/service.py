"""How traveling keeps its promise."""

from billing.contract import Billing
from flying.contract import Flying
from lodging.contract import Lodging

from outgrow import Saga, Store, Transaction, saga, service, transactional
from traveling.contract import Traveling


@service
class TravelingService(Traveling):
    """Runs the sagas."""

    lodging: Lodging
    flying: Flying
    billing: Billing
    store: Store

    @saga
    async def travel_here(self, run: Saga, trip_id: str) -> None:
        await run.step(self.take, trip_id, 1).undo(self.leave, trip_id, 1)
        await run.step(self.take, trip_id, 2).undo(self.leave, trip_id, 2)
        await run.step(self.take, trip_id, 3).undo(self.leave, trip_id, 3)

    @saga
    async def travel(self, run: Saga, trip_id: str) -> None:
        await run.step(self.lodging.reserve, trip_id).undo(self.lodging.release, trip_id)
        await run.step(self.flying.reserve, trip_id).undo(self.flying.release, trip_id)
        await run.step(self.billing.reserve, trip_id).undo(self.billing.release, trip_id)

    @transactional
    async def take(self, tx: Transaction, trip_id: str, leg: int) -> None:
        """Take one leg of a trip."""
        await tx.execute(
            "insert into legs (trip_id, leg) values (:trip_id, :leg)", trip_id=trip_id, leg=leg
        )

    @transactional
    async def leave(self, tx: Transaction, trip_id: str, leg: int) -> None:
        """Take it back."""
        await tx.execute(
            "delete from legs where trip_id = :trip_id and leg = :leg", trip_id=trip_id, leg=leg
        )
