# expected: @query() was given repeat='unsafe', which it does not know.
from outgrow.contracts import Contract, query


class Stock(Contract):
    @query(repeat="unsafe")
    async def count(self) -> int: ...
