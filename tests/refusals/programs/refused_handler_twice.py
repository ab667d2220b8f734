# expected: Second and First both have a handler 'hear'.
from outgrow import Contract, Event, Store, Transaction, on, query, service


class Sold(Event, key=None):
    sku: str


class Stock(Contract):
    @query()
    async def count(self) -> int: ...


class Shelf(Contract):
    @query()
    async def width(self) -> int: ...


@service
class First(Stock):
    store: Store

    async def count(self) -> int:
        return 1

    @on(Sold)
    async def hear(self, tx: Transaction, event: Sold) -> None: ...


@service
class Second(Shelf):
    store: Store

    async def width(self) -> int:
        return 1

    @on(Sold)
    async def hear(self, tx: Transaction, event: Sold) -> None: ...
