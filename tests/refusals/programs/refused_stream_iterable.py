# expected: parameter 'lines' of count: collections.abc.AsyncIterable[int] is no stream
from collections.abc import AsyncIterable

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self, lines: AsyncIterable[int]) -> int: ...
