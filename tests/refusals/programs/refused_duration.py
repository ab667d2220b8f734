# expected: '2 seconds' is no duration.
from outgrow.contracts import Contract, query


class Payments(Contract):
    @query(deadline="2 seconds")
    async def total(self) -> int: ...
