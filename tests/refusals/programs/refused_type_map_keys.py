# expected: has keys that are no text.
from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self) -> dict[float, int]: ...
