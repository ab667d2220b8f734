# expected: parameter 'lines' of count: collections.abc.AsyncIterator[int] is a stream inside
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self, lines: list[AsyncIterator[int]]) -> int: ...
