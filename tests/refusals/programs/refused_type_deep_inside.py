# expected: field 'taken' of Item: complex is no type that a contract can carry
from __future__ import annotations

from outgrow.contracts import Contract, Record, query


class Stock(Contract):
    @query()
    async def shelf(self) -> Shelf: ...


class Shelf(Record):
    items: list[Item]


class Item(Record):
    taken: complex
