# expected: StockService.watch yields in a plain 'def'
from collections.abc import AsyncIterator, Iterator

from outgrow import Contract, query, service


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator[int]: ...


@service
class StockService(Stock):
    def watch(self, item_id: str) -> Iterator[int]:
        yield 1
