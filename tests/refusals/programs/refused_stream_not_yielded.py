# expected: StockService.watch is 'async def' without 'yield'
from collections.abc import AsyncIterator

from outgrow import Contract, query, service


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator[int]: ...


@service
class StockService(Stock):
    async def watch(self, item_id: str) -> AsyncIterator[int]:
        return _numbers()


async def _numbers() -> AsyncIterator[int]:
    yield 1
