"""The cranes."""

import asyncio

from outgrow import Store, Transaction, service, transactional
from tests.sagas.callers.cranes.contract import Cranes


class Gate:
    """
    Holds queries up, in tests of one process.

    Attributes:
        reached: How many came to it.
        error: What those meet that go through.
    """

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.reached = 0
        self.error: Exception | None = None

    async def is_reached(self) -> bool:
        """Whether somebody came to it."""
        return self.reached > 0


GATE = Gate()


@service
class CranesService(Cranes):
    """The cranes."""

    store: Store

    @transactional
    async def lift(self, tx: Transaction, ship: str) -> int:
        await self._move(tx, f"up {ship}")
        return await tx.fetch_one(int, "select count(*) from moves where what like 'up %'")

    @transactional
    async def lower(self, tx: Transaction, ship: str) -> None:
        await self._move(tx, f"down {ship}")

    async def _move(self, tx: Transaction, what: str) -> None:
        await tx.execute("insert into moves (what) values (:what)", what=what)

    async def count(self) -> int:
        GATE.reached += 1
        await GATE.open.wait()
        if GATE.error is not None:
            raise GATE.error
        return len(await self.moves())

    async def moves(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select what from moves order by number")
