"""How napping keeps its promise."""

from datetime import datetime

from napping.contract import Napping
from outgrow import Saga, Store, Transaction, saga, service, transactional
from outgrow.clock import SystemClock


@service
class NappingService(Napping):
    """Notes how late sagas woke."""

    store: Store

    async def open(self) -> None:
        self.late_seconds: list[float] = []

    @saga(deadline="3000d")
    async def nap(self, run: Saga, until: datetime) -> None:
        await run.step(self.lie_down).undo(self.get_up)
        await run.sleep(until)
        self.late_seconds.append((SystemClock().now() - until).total_seconds())
        await run.step(self.get_up)

    @transactional
    async def lie_down(self, tx: Transaction) -> None:
        """Nothing, but it is a step."""

    @transactional
    async def get_up(self, tx: Transaction) -> None:
        """Nothing, but it is a step."""
