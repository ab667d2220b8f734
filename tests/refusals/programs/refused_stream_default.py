# expected: the stream 'lines' of count has a default.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self, lines: AsyncIterator[int] = iter(())) -> int: ...
