# expected: are both 'Item' in one contract.
from outgrow.contracts import Contract, Record, query


class Item(Record):
    sku: str


Old = Item


class Item(Record):  # noqa: F811
    sku: str
    name: str


class Stock(Contract):
    @query()
    async def find(self, old: Old) -> Item: ...
