"""What the bank promises that money is taken from."""

from outgrow import Contract, Event, Problem, command, query


class Overdrawn(Problem, status="failed_precondition"):
    """There is too little money in {account}."""

    account: str


class SalaryDue(Event, key="order"):
    order: str
    cents: int


class North(Contract):
    """An account is blocked while money of it is on its way."""

    @command()
    async def block(self, order: str) -> None: ...

    @command()
    async def unblock(self, order: str) -> None: ...

    @command(raises=[Overdrawn])
    async def withdraw(self, order: str, account: str, cents: int) -> int: ...

    @command()
    async def give_back(self, order: str, cents: int) -> None: ...

    @command()
    async def promise_salary(self, order: str, cents: int) -> None: ...

    @query()
    async def total(self) -> int: ...
