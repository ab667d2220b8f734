# expected: StockService.total yields, and its contract replies once.
from collections.abc import AsyncIterator

from outgrow import Contract, query, service


class Stock(Contract):
    @query()
    async def total(self) -> int: ...


@service
class StockService(Stock):
    async def total(self) -> AsyncIterator[int]:
        yield 1
