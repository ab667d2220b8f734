# expected: 'POST charges' is no HTTP binding.
from outgrow.contracts import Contract, command


class Payments(Contract):
    @command("POST charges")
    async def charge(self, cents: int) -> None: ...
