# expected: list is no type that a contract can carry
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, items: list) -> None: ...
