# expected: the reply of watch: collections.abc.AsyncIterator[int] is a stream inside
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def watch(self, item_id: str) -> AsyncIterator[int] | None: ...
