# expected: Shelf and Stock both have a method 'count'
from outgrow import Contract, query, service


class Stock(Contract):
    @query()
    async def count(self) -> int: ...


class Shelf(Contract):
    @query()
    async def count(self) -> int: ...


@service
class StockService(Stock):
    async def count(self) -> int:
        return 1


@service
class ShelfService(Shelf):
    async def count(self) -> int:
        return 2
