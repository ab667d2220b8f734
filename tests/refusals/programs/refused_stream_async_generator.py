# expected: In a contract write 'def watch(...) -> AsyncIterator[...]: ...'
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def watch(self, item_id: str) -> AsyncIterator[int]:
        yield 1
