# expected: charge raises ValueError, which is no problem.
from outgrow.contracts import Contract, command


class Payments(Contract):
    @command(raises=[ValueError])
    async def charge(self, cents: int) -> None: ...
