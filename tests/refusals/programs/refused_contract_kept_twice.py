# expected: contract Stock is kept by First and Second.
from outgrow import Contract, query, service


class Stock(Contract):
    @query()
    async def count(self) -> int: ...


@service
class First(Stock):
    async def count(self) -> int:
        return 1


@service
class Second(Stock):
    async def count(self) -> int:
        return 2
