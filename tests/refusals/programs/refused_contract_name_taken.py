# expected: contract Stock of version 1 is defined twice.
from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self) -> int: ...


First = Stock


class Stock(Contract):  # noqa: F811
    @query()
    async def left(self) -> int: ...
