"""The first of five services, each of which asks the next."""

from outgrow import Contract, query, service
from tests.resilience.chain.noted import Noted
from tests.resilience.chain.second import Second


class First(Contract):
    """What all of the chain can be asked."""

    @query()
    async def ask(self) -> int: ...

    @query()
    async def told(self) -> list[float]: ...


@service
class FirstService(First):
    """Asks the second."""

    second: Second

    async def open(self) -> None:
        self.noted = Noted()

    async def ask(self) -> int:
        with self.noted.execution():
            return await self.second.ask()

    async def told(self) -> list[float]:
        return self.noted.told()
