"""What letters promise."""

from library.loans.contract.v2 import Loan
from outgrow import Contract, command, query


class Letters(Contract):
    @command()
    async def lend_both(self, book: str, books: list[str]) -> None: ...

    @query()
    async def heard(self) -> list[str]: ...

    @command()
    async def new(self, books: list[str]) -> Loan: ...

    @command()
    async def lend_later(self, books: list[str]) -> None: ...
