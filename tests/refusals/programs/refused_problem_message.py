# expected: the message of problem Refused names {amount}, which is no field of it.
from outgrow.contracts import Contract, Problem, command


class Refused(Problem):
    """{cents} cents are too much for {amount}."""

    cents: int


class Payments(Contract):
    @command(raises=Refused)
    async def charge(self, cents: int) -> None: ...
