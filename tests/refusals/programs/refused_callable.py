# expected: is no type that a contract can carry
from collections.abc import Callable
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, after: Callable[[], int]) -> None: ...
