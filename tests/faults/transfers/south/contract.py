"""What the bank promises that money goes to."""

from outgrow import Contract, Problem, command, query


class Closed(Problem, status="failed_precondition"):
    """{account} is closed."""

    account: str


class South(Contract):
    """Each question after the rate is answered by another one."""

    @command(raises=[Closed])
    async def deposit(self, order: str, account: str, cents: int) -> None: ...

    @command()
    async def take_back(self, order: str, cents: int) -> None: ...

    @query()
    async def rate(self) -> int: ...

    @query()
    async def total(self) -> int: ...
