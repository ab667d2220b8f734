# expected: Payments.total is marked without brackets.
from outgrow.contracts import Contract, query


class Payments(Contract):
    @query
    async def total(self) -> int: ...
