"""The first version: a loan is for one book, and the desk counts."""

from outgrow import Contract, Event, Problem, Record, command, query


class Loan(Record):
    loan_id: str
    book: str


class Lent(Event, key="book"):
    book: str


class AlreadyLent(Problem, status="failed_precondition"):
    """{book} is lent already."""

    book: str


class Loans(Contract):
    """Lends a book."""

    @command("POST /v1/loans", raises=[AlreadyLent])
    async def lend(self, book: str) -> Loan: ...

    @query("GET /v1/loans/{loan_id}")
    async def get_loan(self, loan_id: str) -> Loan: ...


class Desk(Contract):
    """Knows the numbers."""

    @query("GET /loans/count")
    async def count(self) -> int: ...

    @query()
    async def days(self) -> int: ...

    @command()
    async def stamp(self, text: str) -> str: ...
