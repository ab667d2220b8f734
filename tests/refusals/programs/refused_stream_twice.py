# expected: mix takes 2 streams: left, right.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def mix(self, left: AsyncIterator[int], right: AsyncIterator[int]) -> int: ...
