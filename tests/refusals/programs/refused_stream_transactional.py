# expected: StockService.fill streams, and is implemented as a transaction.
from collections.abc import AsyncIterator

from outgrow import Contract, Store, Transaction, command, service, transactional


class Stock(Contract):
    @command(repeat="unsafe")
    async def fill(self, lines: AsyncIterator[int]) -> int: ...


@service
class StockService(Stock):
    store: Store

    @transactional
    async def fill(self, tx: Transaction, lines: AsyncIterator[int]) -> int:
        return 1
