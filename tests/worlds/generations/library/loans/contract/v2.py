"""The second version: a loan is for several books."""

from library.loans.contract.v1 import AlreadyLent
from outgrow import Contract, Event, Record, command, query


class Loan(Record):
    loan_id: str
    books: list[str]
    fine: int


class Returned(Event, key="book"):
    book: str


class DeskV2(Contract, version=2):
    """What is kept of the desk."""

    @command()
    async def stamp(self, text: str) -> str: ...


class LoansV2(Contract, version=2):
    """Lends books."""

    @command("POST /v2/loans", raises=[AlreadyLent])
    async def lend(self, books: list[str]) -> Loan: ...

    @command("POST /v2/loans/{loan_id}/return")
    async def give_back(self, loan_id: str) -> None: ...

    @query("GET /v2/loans/{loan_id}")
    async def get_loan(self, loan_id: str) -> Loan: ...
