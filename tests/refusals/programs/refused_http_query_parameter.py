# expected: parameter 'lines' of price cannot be written in a URL.
from outgrow.contracts import Contract, Record, query


class Line(Record):
    item_id: str


class Stock(Contract):
    @query("GET /price")
    async def price(self, lines: list[Line]) -> int: ...
