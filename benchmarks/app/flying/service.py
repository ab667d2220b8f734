"""How flying keeps its promise."""

from flying.contract import Flying
from outgrow import Store, Transaction, service, transactional


@service
class FlyingService(Flying):
    """Keeps what is reserved."""

    store: Store

    @transactional
    async def reserve(self, tx: Transaction, trip_id: str) -> None:
        await tx.execute("insert into reserved (trip_id) values (:trip_id)", trip_id=trip_id)

    @transactional
    async def release(self, tx: Transaction, trip_id: str) -> None:
        await tx.execute("delete from reserved where trip_id = :trip_id", trip_id=trip_id)
