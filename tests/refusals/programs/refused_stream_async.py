# expected: Stock.watch replies with a stream and is 'async def'.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def watch(self, item_id: str) -> AsyncIterator[int]: ...
