"""The fourth of five services, each of which asks the next."""

from outgrow import Contract, query, service
from tests.resilience.chain.fifth import Fifth
from tests.resilience.chain.noted import Noted


class Fourth(Contract):
    """What all of the chain can be asked."""

    @query()
    async def ask(self) -> int: ...

    @query()
    async def told(self) -> list[float]: ...


@service
class FourthService(Fourth):
    """Asks the fifth."""

    fifth: Fifth

    async def open(self) -> None:
        self.noted = Noted()

    async def ask(self) -> int:
        with self.noted.execution():
            return await self.fifth.ask()

    async def told(self) -> list[float]:
        return self.noted.told()
