# expected: of parameter 'count' of hold cannot be carried: 9223372036854775808 is no whole number
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: int = 2**63) -> None: ...
