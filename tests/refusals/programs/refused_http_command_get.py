# expected: command charge is bound to GET.
from outgrow.contracts import Contract, command


class Payments(Contract):
    @command("GET /charge")
    async def charge(self, cents: int) -> None: ...
