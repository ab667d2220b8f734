# expected: the default '7' of parameter 'count' of hold is not of its type.
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: int = "7") -> None: ...
