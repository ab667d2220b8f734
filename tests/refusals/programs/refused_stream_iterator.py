# expected: parameter 'lines' of count: collections.abc.Iterator[int] is no type
from collections.abc import Iterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self, lines: Iterator[int]) -> int: ...
