# expected: 3 findings.
from outgrow.contracts import Contract, query


class Payments(Contract):
    @query(deadline="soon")
    async def total(self) -> int: ...

    async def charge(self, cents: int) -> None: ...

    @query("FETCH /receipts")
    async def receipts(self) -> list[str]: ...
