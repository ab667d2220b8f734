# expected: cannot be an item of a list. Put it into a record
from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def shelves(self) -> list[list[str]]: ...
