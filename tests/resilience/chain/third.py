"""The third of five services, each of which asks the next."""

from outgrow import Contract, query, service
from tests.resilience.chain.fourth import Fourth
from tests.resilience.chain.noted import Noted


class Third(Contract):
    """What all of the chain can be asked."""

    @query()
    async def ask(self) -> int: ...

    @query()
    async def told(self) -> list[float]: ...


@service
class ThirdService(Third):
    """Asks the fourth."""

    fourth: Fourth

    async def open(self) -> None:
        self.noted = Noted()

    async def ask(self) -> int:
        with self.noted.execution():
            return await self.fourth.ask()

    async def told(self) -> list[float]:
        return self.noted.told()
