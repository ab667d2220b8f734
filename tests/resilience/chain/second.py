"""The second of five services, each of which asks the next."""

from outgrow import Contract, query, service
from tests.resilience.chain.noted import Noted
from tests.resilience.chain.third import Third


class Second(Contract):
    """What all of the chain can be asked."""

    @query()
    async def ask(self) -> int: ...

    @query()
    async def told(self) -> list[float]: ...


@service
class SecondService(Second):
    """Asks the third."""

    third: Third

    async def open(self) -> None:
        self.noted = Noted()

    async def ask(self) -> int:
        with self.noted.execution():
            return await self.third.ask()

    async def told(self) -> list[float]:
        return self.noted.told()
