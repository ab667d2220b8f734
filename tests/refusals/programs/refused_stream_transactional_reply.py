# expected: StockService.watch streams, and is marked @transactional.
from collections.abc import AsyncIterator

from outgrow import Contract, Store, Transaction, query, service, transactional


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator[int]: ...


@service
class StockService(Stock):
    store: Store

    @transactional
    async def watch(self, tx: Transaction, item_id: str) -> AsyncIterator[int]:
        yield 1
