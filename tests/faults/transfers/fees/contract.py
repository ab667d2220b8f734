"""What is promised by who earns of transfers."""

from outgrow import Contract, command, query


class Fees(Contract):
    """Fails now and then."""

    @command()
    async def collect(self, order: str, cents: int, rate: int) -> None: ...

    @command()
    async def refund(self, order: str, cents: int) -> None: ...

    @command()
    async def stamp(self, order: str) -> None: ...

    @command()
    async def tear(self, order: str) -> None: ...

    @command(repeat="unsafe")
    async def fail_next(self, what: str, order: str, times: int) -> None: ...

    @query()
    async def total(self) -> int: ...
