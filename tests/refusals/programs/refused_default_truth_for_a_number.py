# expected: the default True of parameter 'count' of hold is not of its type.
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: int = True) -> None: ...
