# expected: the reply of shelves: complex is no type that a contract can carry. Carried are
from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def shelves(self) -> list[complex]: ...
