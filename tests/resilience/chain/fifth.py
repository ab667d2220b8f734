"""The fifth of five services, each of which asks the next."""

import asyncio

from outgrow import Contract, query, service
from tests.resilience.chain.noted import Noted


class Fifth(Contract):
    """What all of the chain can be asked."""

    @query()
    async def ask(self) -> int: ...

    @query()
    async def told(self) -> list[float]: ...


@service
class FifthService(Fifth):
    """Never answers."""

    async def open(self) -> None:
        self.noted = Noted()

    async def ask(self) -> int:
        with self.noted.execution():
            await asyncio.Event().wait()
            return 0

    async def told(self) -> list[float]:
        return self.noted.told()
