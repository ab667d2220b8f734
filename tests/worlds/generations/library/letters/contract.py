"""What letters promise."""

from library.loans.contract.v1 import Loan as LoanV1
from library.loans.contract.v2 import Loan as LoanV2
from outgrow import Contract, command, query


class Letters(Contract):
    @command()
    async def lend_both(self, book: str, books: list[str]) -> None: ...

    @query()
    async def heard(self) -> list[str]: ...

    @command()
    async def old(self, book: str) -> LoanV1: ...

    @command()
    async def new(self, books: list[str]) -> LoanV2: ...

    @command()
    async def lend_later(self, books: list[str]) -> None: ...
